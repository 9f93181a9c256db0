"""The plans of a program in dry-run mode, in one chat: posted without buttons when they differ from the last ones."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.model import Plan
from bot.telegram.attempts import Attempts
from bot.telegram.shown_chat import ShownChat
from bot.telegram.views.proposals import plan_view

MoveKeys = list[tuple[int, int, int]]
"""What tells two plans apart: VM, source and target of each move."""


class DryRunPosts:
    def __init__(self, chat: ShownChat) -> None:
        self._chat = chat
        self._posted: dict[int, MoveKeys] = {}
        """Cluster -> the moves of the plan that was posted last."""
        self._plans: dict[int, Plan] = {}
        """Cluster -> the plan that is to be posted."""

    def note(self, plans: Sequence[Plan]) -> bool:
        """Takes the plans of a check over; whether one of them is to be posted."""
        plans = [p for p in plans if self._chat.chat.shows(p.cluster_id, p.cluster_name)]
        new = {p.cluster_id: p for p in plans if self._posted.get(p.cluster_id) != _keys(p)}
        self._plans.update(new)
        cluster_ids = {p.cluster_id for p in plans}
        self._posted = {c: keys for c, keys in self._posted.items() if c in cluster_ids}
        return bool(new)

    async def send(self, attempts: Attempts) -> None:
        """Raises as ``Attempts.show``."""
        for cluster_id, plan in list(self._plans.items()):
            await attempts.show(self._send(plan), f"The dry run of cluster {cluster_id}")
            self._plans.pop(cluster_id, None)
            self._posted[cluster_id] = _keys(plan)

    async def _send(self, plan: Plan) -> None:
        view = plan_view(self._chat.texts, plan)
        await self._chat.context.sender.send_once(("plan", plan.cluster_id), self._chat.place(plan), view)


def _keys(plan: Plan) -> MoveKeys:
    return [m.key for m in plan.moves]
