"""Tasks of other people in the panel during which no migration may start. Pure.

In the known shapes a row of the task list names neither VM nor cluster. A task without a cluster counts for every
cluster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from balancer.model import Reason
from bot.panel.answers import TaskInfo
from bot.panel.vocabulary import moves_vms


def foreign_work(
    tasks: Iterable[TaskInfo], own_consul_ids: Collection[int], own_task_ids: Collection[int], cluster_id: int
) -> Reason | None:
    """Why no migration may start in this cluster now; ``None`` = only migrations of this program run."""
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
