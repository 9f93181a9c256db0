"""One migration that a person starts or stops at the terminal, with the same rules, records and executor as others."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from bot.cli.given import log_to, read_settings
from bot.cli.output import FAILED, OK, say
from bot.cli.parsing import Parser, understood
from bot.config.clusters_file import check_clusters_file
from bot.config.settings import Settings
from bot.config.validation import check_files, check_panel
from bot.domain.proposals import MigrationState, ProposedMove
from bot.rendering.plain import all_well, outcome_line
from bot.service.local_actor import at_the_terminal
from bot.service.values import Risk

if TYPE_CHECKING:
    from bot.app.program import VMBalancer
    from bot.rendering.catalog import Texts

LOOK_S = 2.0
"""Time between two looks at a VM during its migration."""
_YES = frozenset({"y", "yes", "д", "да"})


def read_with_question(parser: Parser, arguments: list[str], nobody_answers: str) -> tuple[Namespace, Settings]:
    """Arguments and settings of a command that asks a question, unless it has an option ``--yes``. Starts the log.

    Args:
        nobody_answers: the error if the input is no terminal.
    Raises:
        ConfigError: all problems of arguments and settings.
    """
    given, problems = understood(parser, arguments)
    if not getattr(given, "yes", False) and not sys.stdin.isatty():
        problems.append(nobody_answers)
    settings = read_settings(given, problems, lambda _: [check_panel, check_clusters_file, check_files])
    log_to(settings, to_file=True)
    return given, settings


def is_yes(answer: str) -> bool:
    return answer.strip().lower() in _YES


async def carry_out(
    balancer: VMBalancer, vm_id: int, node_id: int, watch: Coroutine[Any, Any, None]
) -> Sequence[ProposedMove] | None:
    """The moves with their outcome; ``None`` = refused, and the reason was printed.

    Args:
        watch: runs beside the migration and is cancelled at its end.
    """
    texts = balancer.texts
    result = await balancer.service.requests.move(vm_id, node_id, at_the_terminal(), confirmed=(Risk.LARGE, Risk.ROOM))
    if result.refusal is not None or result.proposal_id is None:
        watch.close()
        reason = texts.reason(result.refusal.reason) if result.refusal is not None else "-"
        say(texts.text("first-move-refused", reason=reason))
        return None
    for caution in result.plan.cautions if result.plan is not None else ():
        say(f"⚠️ {texts.reason(caution)}")
    watching = asyncio.create_task(watch)
    balancer.start_workers()
    try:
        await balancer.until_idle()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    proposal = await balancer.store.proposals.get(result.proposal_id)
    return proposal.moves if proposal is not None else ()


def tell(texts: Texts, moves: Sequence[ProposedMove]) -> int:
    """Prints how the moves ended. Returns the exit code."""
    for proposed in moves:
        say(outcome_line(texts, proposed))
    alive = all(m.migration is not None and m.migration.reason is None for m in moves)
    arrived = all(m.migration is not None and m.migration.state is MigrationState.SUCCEEDED for m in moves)
    say(texts.text("first-move-alive" if alive and arrived else "first-move-not-alive"))
    return OK if all_well(moves) and alive else FAILED
