"""`--once`: one check from start to end, with the people who can decide. It prints, and decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.app.program import VMBalancer
from bot.cli.approval import Ask, TerminalApproval
from bot.domain.modes import AUTO
from bot.domain.proposals import Proposal, Verdict
from bot.rendering.plain import all_well, outcome_line, plan_lines
from bot.service.local_actor import at_the_terminal
from bot.service.values import CycleReport

if TYPE_CHECKING:
    from balancer.policy import Policy
    from bot.rendering.rich_tables import RichReport

DONE, FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class Terminal:
    """The terminal. ``ask`` is ``None`` if no person can answer, ``tables`` if the output is no terminal: a pipe
    gets plain lines."""

    write: Callable[[str], None]
    ask: Ask | None
    approve_all: bool = False
    tables: RichReport | None = None


async def run_once(balancer: VMBalancer, terminal: Terminal) -> int:
    """One cycle: dry run, automatic, approved in the terminal or in the chat. Returns the exit code.

    Raises:
        PanelError: the panel did not answer a dry run.
    """
    automatic = not balancer.settings.dry_run and await balancer.service.runtime.mode() == AUTO
    somebody = terminal.approve_all or balancer.telegram is not None or terminal.ask is not None
    if balancer.settings.dry_run or not (automatic or somebody):
        return await _dry_run(balancer, terminal)
    balancer.start_workers()
    report = await balancer.service.cycle.run()
    await _write_report(balancer, terminal, report)
    if report.outcome != "done":
        return _not_done(balancer, terminal, report)
    ids = [r.published.proposal_id for r in report.results if r.published and r.published.proposal_id is not None]
    if not ids:
        terminal.write(balancer.texts.text("terminal-nothing"))
    elif not automatic:
        await _decide(balancer, terminal, ids)
    await balancer.until_idle(lambda: _settled(balancer, ids))
    return await _outcome(balancer, terminal, ids)


async def _dry_run(balancer: VMBalancer, terminal: Terminal) -> int:
    report = await balancer.service.cycle.dry_run()
    await _write_report(balancer, terminal, report)
    moves = any(r.plan and r.plan.moves for r in report.results)
    key = "terminal-dry-run" if balancer.settings.dry_run else "terminal-nobody" if moves else "terminal-nothing"
    terminal.write(balancer.texts.text(key))
    return DONE


async def _write_report(balancer: VMBalancer, terminal: Terminal, report: CycleReport) -> None:
    policies: dict[int, Policy] = {}
    if terminal.tables is not None and any(r.plan for r in report.results):
        policies = await balancer.service.planning.policies(await balancer.service.observer.observe(None))
    for result in report.results:
        if result.plan is not None and terminal.tables is not None:
            policy = policies.get(result.plan.cluster_id) or balancer.settings.policy()
            terminal.write(terminal.tables.plan(balancer.texts, result.plan, policy))
        elif result.plan is not None:
            for line in plan_lines(balancer.texts, result.plan):
                terminal.write(line)
        if result.left_alone is not None:
            reason = balancer.texts.reason(result.left_alone)
            terminal.write(balancer.texts.text("terminal-left-alone", cluster=result.cluster.name, reason=reason))


def _not_done(balancer: VMBalancer, terminal: Terminal, report: CycleReport) -> int:
    if report.outcome == "paused":
        terminal.write(balancer.texts.text("terminal-paused"))
        return DONE
    return FAILED  # the log has the reason, and the terminal shows the log


async def _decide(balancer: VMBalancer, terminal: Terminal, ids: Sequence[int]) -> None:
    """With ``--yes`` every move is approved; else people decide in the chat, or at the terminal if there is no chat."""
    pending = [m for p in await _proposals(balancer, ids) for m in p.pending]
    if not pending:  # assist mode started all of them
        return
    if terminal.approve_all:
        move_ids = [m.id for m in pending]
        await balancer.service.decisions.decide(move_ids, Verdict.APPROVE, at_the_terminal(), confirmed=move_ids)
    elif balancer.telegram is not None:
        terminal.write(balancer.texts.text("terminal-waiting-chat"))
        balancer.listen()
    elif terminal.ask is not None:
        approval = TerminalApproval(balancer, terminal.ask, terminal.write, short=terminal.tables is not None)
        await approval.decide(pending)
        if any(m.first is not None for p in await _proposals(balancer, ids) for m in p.pending):
            terminal.write(balancer.texts.text("terminal-second"))


async def _settled(balancer: VMBalancer, ids: Iterable[int]) -> bool:
    """Whether no move waits for a person. An unknown outcome counts as an end: only later checks can settle it."""
    return not any(p.pending for p in await _proposals(balancer, ids))


async def _outcome(balancer: VMBalancer, terminal: Terminal, ids: Sequence[int]) -> int:
    moves = [m for p in await _proposals(balancer, ids) for m in p.moves]
    if terminal.tables is not None and moves:
        terminal.write(terminal.tables.outcomes(balancer.texts, moves))
    else:
        for proposed in moves:
            terminal.write(outcome_line(balancer.texts, proposed))
    return DONE if all_well(moves) else FAILED


async def _proposals(balancer: VMBalancer, ids: Iterable[int]) -> list[Proposal]:
    proposals = [await balancer.store.proposals.get(i) for i in ids]
    return [p for p in proposals if p is not None]
