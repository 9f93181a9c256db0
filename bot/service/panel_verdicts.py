"""Questions to the panel before a plan or a start: do other people work there, which node is suitable for a VM.

This module only asks. The rules decide by the answers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from balancer.model import Plan, Reason, Recent, Snapshot
from balancer.policy import Policy
from balancer.rules.suitable import Question, questions
from bot.domain.proposals import IN_FLIGHT, MigrationState
from bot.errors import PanelError
from bot.panel.client import VMManagerAPI
from bot.panel.foreign_tasks import foreign_work
from bot.store.store import Store

log = logging.getLogger(__name__)

ASKED_PER_NODE = 5
MOST_QUESTIONS = 20
"""Questions about VMs in one check: a large panel is not asked about hundreds of VMs."""


class PanelVerdicts:
    def __init__(self, panel: VMManagerAPI, store: Store) -> None:
        self._panel = panel
        self._store = store

    async def foreign_work(self, cluster_ids: Sequence[int]) -> dict[int, Reason]:
        """Cluster -> why nothing may start there now: migrations, evacuations or maintenance of other people.

        Empty if this panel or account does not show tasks.

        Raises:
            PanelError: the panel does not answer.
        """
        tasks = await self._panel.active_tasks()
        if not tasks:
            return {}
        own = await self._store.migrations.in_states((*IN_FLIGHT, MigrationState.UNKNOWN))
        consul_ids = {m.consul_id for m in own if m.consul_id is not None}
        task_ids = {m.task_id for m in own if m.task_id is not None}
        reasons = {i: foreign_work(tasks, consul_ids, task_ids, i) for i in cluster_ids}
        return {i: reason for i, reason in reasons.items() if reason is not None}

    async def suitable(
        self, clusters: Sequence[Snapshot], policies: Mapping[int, Policy], recent: Recent, plans: Sequence[Plan]
    ) -> dict[int, frozenset[int]]:
        """VM -> nodes that the panel calls suitable. Asks only about VMs that could relieve an overloaded node so."""
        asked: list[Question] = []
        for own, new_plan in zip(clusters, plans, strict=True):
            policy = policies[own.clusters[0].id]
            try:
                asked += questions(own, policy, recent, new_plan.overloaded_after, ASKED_PER_NODE)
            except Exception:  # a defect in one cluster must not stop the planning of others
                log.exception("What to ask the panel about cluster '%s' is unclear", own.clusters[0].name)
        result: dict[int, frozenset[int]] = {}
        for question in asked[:MOST_QUESTIONS]:
            try:
                verdicts = await self._panel.migration_targets(question.vm_id)
            except PanelError as error:
                log.warning("The panel does not say which nodes suit VM %d: %s", question.vm_id, error)
                return result
            if verdicts is None:  # this panel has no migration form
                return result
            targets = frozenset(node_id for node_id, good in verdicts.items() if good) & question.targets
            if targets:
                result[question.vm_id] = targets
        return result
