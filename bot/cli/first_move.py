"""`vm-balancer first-move`: moves the smallest movable VM after a question, and watches it. For a new panel.

It uses the same rules, records and executor as every other migration.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from bot.cli.arguments import add_settings
from bot.cli.given import stop_on_signals
from bot.cli.output import FAILED, OK, say
from bot.cli.parsing import Parser, make_parser
from bot.cli.prompt import ask
from bot.cli.single_move import LOOK_S, carry_out, is_yes, read_with_question, tell
from bot.domain.sanitize import one_line
from bot.errors import PanelError

if TYPE_CHECKING:
    from balancer.model import VM, Node
    from balancer.requests.results import TargetChoice
    from bot.app.program import VMBalancer

Ask = Callable[[str], Awaitable[str]]


def parser() -> Parser:
    parser = make_parser(
        "vm-balancer first-move",
        "Moves the smallest VM that may move, after a question, and prints what it sees. For the first migration.",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    from bot.app.program import VMBalancer

    unattended = "first-move asks before it moves a VM, and nobody can answer here: add --yes"
    given, settings = read_with_question(parser(), arguments, unattended)
    update = {"telegram_notifications": False, "dry_run": False, "balance_mode": "approve"}

    async def work() -> int:
        async with VMBalancer(settings=settings.model_copy(update=update), exclusive=True) as balancer:
            stop_on_signals(balancer)
            return await first_move(balancer, None if given.yes else ask)

    return asyncio.run(work())


async def first_move(balancer: VMBalancer, ask: Ask | None) -> int:
    """Proposes the move, asks, carries it out and watches it. Returns the exit code.

    Raises:
        PanelError: the panel does not answer.
    """
    texts = balancer.texts
    least = await balancer.service.requests.least_move()
    if least is None:
        say(texts.text("first-move-none"))
        return FAILED
    vm, choice = least
    proposed = texts.text(
        "first-move-proposed",
        vm=one_line(vm.name),
        vcpus=vm.vcpus or 0,
        memory=(vm.memory_mib or 0) / 1024,
        target=one_line(choice.node_name),
    )
    say(proposed)
    for caution in choice.cautions:
        say(texts.text("outlook-caution", reason=texts.reason(caution)))
    if ask is not None and not is_yes(await ask(texts.text("first-move-question") + " ")):
        say(texts.text("first-move-declined"))
        return OK
    return await _carry_out(balancer, vm, choice)


async def _carry_out(balancer: VMBalancer, vm: VM, choice: TargetChoice) -> int:
    ended = await carry_out(balancer, vm.id, choice.node_id, _watch(balancer, vm.id))
    if ended is None:
        return FAILED
    await _look(balancer, vm.id, 0.0, "")
    return tell(balancer.texts, ended)


async def _watch(balancer: VMBalancer, vm_id: int) -> None:
    """Prints the VM at each change."""
    started, last = time.monotonic(), ""
    while True:
        last = await _look(balancer, vm_id, time.monotonic() - started, last)
        await asyncio.sleep(LOOK_S)


async def _look(balancer: VMBalancer, vm_id: int, seconds: float, last: str) -> str:
    try:
        vm = await balancer.panel.vm(vm_id)
        rows = await balancer.panel.history(vm_id)
    except PanelError as error:
        say(f"{seconds:4.0f} s  {one_line(str(error))}")
        return last
    if vm is None:
        return last
    task = next((f"{row.name} {row.raw_status}" for row in rows), "-")
    node = next((n.name for n in _nodes(balancer) if n.id == vm.node_id), str(vm.node_id))
    line = balancer.texts.text(
        "first-move-seen",
        node=one_line(node),
        state=vm.state or "?",
        uptime="?" if vm.uptime is None else str(vm.uptime),
        task=task,
    )
    if _without_uptime(line, vm) != last:
        say(f"{seconds:4.0f} s  {line}")
    return _without_uptime(line, vm)


def _without_uptime(line: str, vm: VM) -> str:
    """The line with a mark instead of the uptime, so that it differs only after a restart."""
    return line.replace(str(vm.uptime), "0" if (vm.uptime or 0) < LOOK_S * 30 else "n")


def _nodes(balancer: VMBalancer) -> tuple[Node, ...]:
    last = balancer.service.observer.last
    return () if last is None else last.nodes
