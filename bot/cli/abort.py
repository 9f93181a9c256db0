"""`vm-balancer abort`: stops a running migration of this program, after two questions. Also while the program runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from bot.cli.arguments import add_settings
from bot.cli.output import FAILED, OK, say
from bot.cli.parsing import Parser, make_parser
from bot.cli.prompt import ask
from bot.cli.single_move import is_yes, read_with_question
from bot.domain.proposals import Migration, MigrationState
from bot.rendering.aborts import abort_words
from bot.service.aborts import AbortKind
from bot.service.local_actor import at_the_terminal

if TYPE_CHECKING:
    from bot.app.program import VMBalancer

Ask = Callable[[str], Awaitable[str]]


def parser() -> Parser:
    parser = make_parser(
        "vm-balancer abort",
        "Stops a running migration of this program, after two questions. ALLOW_ABORT=true allows it.",
    )
    parser.add_argument("vm", metavar="VM", help="name or id of the VM that is being moved")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    from bot.app.program import VMBalancer

    unattended = "abort asks before it stops a migration, and nobody can answer here: use a terminal"
    given, settings = read_with_question(parser(), arguments, unattended)

    async def work() -> int:
        update = {"telegram_notifications": False}
        async with VMBalancer(settings=settings.model_copy(update=update), exclusive=False) as balancer:
            return await abort(balancer, given.vm, ask)

    return asyncio.run(work())


async def abort(balancer: VMBalancer, vm: str, ask: Ask) -> int:
    """Asks twice and stops the migration. Returns the exit code."""
    texts = balancer.texts
    running = await balancer.service.store.migrations.in_states((MigrationState.RUNNING,))
    chosen = [m for m in running if vm.strip().casefold() in (str(m.move.vm_id), m.move.vm_name.casefold())]
    if len(chosen) != 1:
        say(texts.text("terminal-abort-none", vm=vm))
        return FAILED
    return await _stop(balancer, chosen[0], ask)


async def _stop(balancer: VMBalancer, migration: Migration, ask: Ask) -> int:
    texts, actor, confirmed = balancer.texts, at_the_terminal(), 0
    while True:
        result = await balancer.service.aborts.abort(migration, actor, confirmed=confirmed)
        if result.kind is not AbortKind.QUESTION:
            earlier = "" if result.earlier is None else result.earlier.by.name
            words = abort_words(*(texts, result.kind.value, migration.move), problem=result.problem, who=earlier)
            say(words)
            return OK if result.kind in (AbortKind.ACCEPTED, AbortKind.NOTED) else FAILED
        key = "console-abort-first" if result.number <= 1 else "console-abort-last"
        question = texts.text(key, vm=migration.move.vm_name, source=migration.move.source_name)
        try:
            answer = await ask(f"{question} {texts.text('terminal-abort-confirm')} ")
        except EOFError:
            answer = ""
        if not is_yes(answer):
            say(texts.text("terminal-abort-declined"))
            return OK
        confirmed = result.number
