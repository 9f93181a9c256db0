"""The buttons under the notice of a failed migration: why, another node, try again.

Each answer is a message of its own: the notice stays.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.proposals import Migration, MigrationState
from bot.telegram.handlers.base import Action, ActionResult, Feature, NotForYou, Outdated, Request, after_request
from bot.telegram.handlers.machines import Machines
from bot.telegram.keyboards.buttons import Row, do, keyboard
from bot.telegram.views import wording
from bot.telegram.views.cards import choice_line
from bot.telegram.views.view import View


class Failures(Feature):
    """
    Args:
        machines: has the card that says why a VM stays.
    """

    def __init__(self, machines: Machines) -> None:
        super().__init__(machines.service, machines.notifier, machines.confirmations)
        self._machines = machines

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"failed-why": self.why, "failed-targets": self.targets, "retry": self.retry}

    async def why(self, request: Request) -> ActionResult:
        """Why the VM stays where it is now; ``key``: the migration."""
        migration = await self._failed(request)
        return ActionResult(say=await self._machines.why_vm_page(request.about(migration.move.vm_id)))

    async def targets(self, request: Request) -> ActionResult:
        """Other nodes that may take the VM now, each with a button."""
        migration = await self._failed(request)
        self._need(request, migration.cluster_id)
        texts, move = request.texts, migration.move
        choices = await self.service.requests.retry_targets(migration.id)
        key = "targets-title" if choices else "retry-none"
        lines = [
            texts.html(key, vm=move.vm_name, target=move.target_name),
            *(choice_line(texts, choice) for choice in choices),
        ]
        rows: list[Row] = [
            [do(f"🎯 {wording.short(c.node_name)}", "retry", migration.id, extra=str(c.node_id))] for c in choices
        ]
        return ActionResult(say=View(wording.joined(lines), keyboard(rows)))

    async def retry(self, request: Request) -> ActionResult:
        """Approves the move once more, to the same node or to the node ``extra``; it is checked like any other."""
        migration = await self._failed(request)
        self._need(request, migration.cluster_id)
        if request.extra and not request.extra.isdecimal():
            raise Outdated
        target_id, actor = int(request.extra) if request.extra else migration.move.target_id, request.context.actor
        retry = self.service.requests.retry
        result = await self.requested(
            request, migration.id, lambda risks: retry(migration.id, target_id, actor, confirmed=risks)
        )
        return after_request(request, result)

    async def _failed(self, request: Request) -> Migration:
        """
        Raises:
            Outdated: no failed migration of a cluster that this person sees.
        """
        migration = await self.service.store.migrations.get(request.key)
        if migration is None or not self.sees(request, migration.cluster_id):
            raise Outdated
        if migration.state is not MigrationState.FAILED:
            raise Outdated
        return migration

    def _need(self, request: Request, cluster_id: int) -> None:
        if self.service.settings.dry_run:
            raise NotForYou(dry_run=True)
        self.need_decider(request, cluster_id)
