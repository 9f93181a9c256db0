"""Work of other people in the panel that a migration must not start beside. Pure.

A row of the task list names neither VM nor cluster in the shapes that are known, so a task whose cluster is not told
counts for every cluster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from balancer.model import Reason
from bot.panel.answers import TaskInfo
from bot.panel.vocabulary import moves_vms


def foreign_work(
    tasks: Iterable[TaskInfo], own_consul_ids: Collection[int], own_task_ids: Collection[int], cluster_id: int
) -> Reason | None:
    """Why nothing may start in this cluster now; ``None`` = only our own migrations run."""
    foreign = [
        task
        for task in tasks
        if moves_vms(task.name)
        and task.consul_id not in own_consul_ids
        and task.id not in own_task_ids
        and task.cluster_id in (None, cluster_id)
        and task.status == "pending"
    ]
    if not foreign:
        return None
    return Reason.of("cluster-foreign-task", task=foreign[0].name, count=len(foreign))
