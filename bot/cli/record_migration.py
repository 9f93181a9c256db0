"""`check --record FILE --record-migration VM NODE`: records the panel's answers about one migration of a test VM.

The migration uses the same rules, records and executor as all others. This module only asks before it and reads the
state of the VM during it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.cli.output import say
from bot.cli.single_move import LOOK_S, carry_out, is_yes, tell
from bot.domain.sanitize import one_line
from bot.errors import NotFound, PanelError
from bot.panel.client import RawAnswer, VMManagerAPI
from bot.panel.recording import ACTIVE_TASKS

if TYPE_CHECKING:
    from balancer.model import VM, Node
    from bot.app.program import VMBalancer

Ask = Callable[[str], Awaitable[str]]


@dataclass(slots=True)
class Look:
    """The panel's answers at one moment: about the VM, its history, the active tasks."""

    seconds: float
    """Seconds since the request of the migration."""
    answers: list[RawAnswer] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Kinds of the errors of requests without an answer."""


@dataclass(slots=True)
class RecordedMigration:
    """The record of one migration, from the question to its end."""

    vm_id: int
    source_id: int | None
    target_id: int
    start: RawAnswer | None = None
    """The answer to the request that started it; ``None`` = not sent, or the answer was lost."""
    looks: list[Look] = field(default_factory=list)
    state: str | None = None
    reason: str | None = None
    exit_code: int = 0

    def answers(self) -> list[RawAnswer]:
        """Every answer in it."""
        looks = [answer for look in self.looks for answer in look.answers]
        return looks if self.start is None else [self.start, *looks]


async def record_migration(balancer: VMBalancer, vm_name: str, node_name: str, ask: Ask) -> RecordedMigration | None:
    """Asks, migrates the VM to the node and reads its state every two seconds; ``None`` = nothing was moved.

    Raises:
        NotFound: no VM or node has this name, or several have it.
        PanelError: the panel does not answer.
    """
    texts, vm, node = balancer.texts, await _vm(balancer, vm_name), await _node(balancer, node_name)
    question = texts.text("record-migration-question", vm=one_line(vm.name), id=str(vm.id), target=one_line(node.name))
    if not is_yes(await ask(question + " ")):
        say(texts.text("first-move-declined"))
        return None
    recorded = RecordedMigration(vm.id, vm.node_id, node.id)
    moves = await carry_out(balancer, vm.id, node.id, _watch(balancer.panel, recorded))
    if moves is None:
        return None
    recorded.looks.append(await _look(balancer.panel, vm.id, recorded.looks[-1].seconds if recorded.looks else 0.0))
    recorded.start = balancer.panel.start_answer
    for move in moves:
        if move.migration is not None:
            recorded.state = move.migration.state.value
            recorded.reason = move.migration.reason.code if move.migration.reason else None
    recorded.exit_code = tell(texts, moves)
    return recorded


async def _vm(balancer: VMBalancer, name: str) -> VM:
    vms = await balancer.service.queries.find_vms(name)
    if len(vms) != 1:
        raise NotFound("vm", name, [str(vm.id) for vm in vms])
    return vms[0]


async def _node(balancer: VMBalancer, name: str) -> Node:
    nodes = await balancer.service.queries.find_nodes(name)
    if len(nodes) != 1:
        raise NotFound("node", name, [str(node.id) for node in nodes])
    return nodes[0]


async def _watch(panel: VMManagerAPI, recorded: RecordedMigration) -> None:
    started = time.monotonic()
    while True:
        recorded.looks.append(await _look(panel, recorded.vm_id, time.monotonic() - started))
        await asyncio.sleep(LOOK_S)


async def _look(panel: VMManagerAPI, vm_id: int, seconds: float) -> Look:
    look = Look(seconds)
    for path in (f"/vm/v3/host?where=(id+EQ+{vm_id})", f"/vm/v3/host/{vm_id}/history", ACTIVE_TASKS):
        try:
            look.answers.append(await panel.raw(path))
        except PanelError as error:
            look.errors.append(type(error).__name__)
    return look


def migration_entry(recorded: RecordedMigration, entry: Callable[[RawAnswer], dict[str, Any]]) -> dict[str, Any]:
    """The migration for the recording. Each look has only the answers that changed since the look before it.

    Args:
        entry: makes one answer fit to be shared.
    """
    last: dict[str, Any] = {}
    looks = []
    for look in recorded.looks:
        changed = []
        for answer in look.answers:
            shared = entry(answer)
            shared.pop("keys")
            if last.get(shared["path"]) != (shared["status"], shared["answer"]):
                last[shared["path"]] = (shared["status"], shared["answer"])
                changed.append(shared)
        looks.append({"seconds": round(look.seconds, 1), "answers": changed, "errors": look.errors})
    return {
        "start": None if recorded.start is None else entry(recorded.start),
        "looks": looks,
        "state": recorded.state,
        "reason": recorded.reason,
    }
