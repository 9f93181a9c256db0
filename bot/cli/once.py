"""`--once`: one cycle carried through to its end, with whoever is there to decide. Prints; decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.app import VMBalancer
from bot.domain.proposals import Actor, Proposal, ProposedMove, Verdict
from bot.domain.sanitize import one_line
from bot.rendering.plain import all_well, move_lines, outcome_line, plan_lines
from bot.rendering.plan_summary import move_summary
from bot.service.local_actor import at_the_terminal
from bot.service.values import CycleReport

if TYPE_CHECKING:
    from balancer.policy import Policy
    from bot.rendering.rich_tables import RichReport

DONE, FAILED = 0, 1
ANSWERS = {
    **dict.fromkeys(("y", "yes", "д", "да"), "y"),
    **dict.fromkeys(("n", "no", "н", "нет"), "n"),
    **dict.fromkeys(("a", "all", "в", "все"), "a"),
    **dict.fromkeys(("q", "quit"), "q"),
}
"""What a person may type at the question, in both languages."""
YES_OR_NO = {word: meaning for word, meaning in ANSWERS.items() if meaning in "yn"}


@dataclass(frozen=True, slots=True)
class Terminal:
    """How to talk to the person at the terminal. ``ask`` is ``None`` where nobody can answer, ``tables`` where
    nobody sees them: a pipe gets plain lines."""

    write: Callable[[str], None]
    ask: Callable[[str], Awaitable[str]] | None
    approve_all: bool = False
    tables: RichReport | None = None


async def run_once(balancer: VMBalancer, terminal: Terminal) -> int:
    """One cycle: dry run, automatic, approved in the terminal or in the chat. Returns the exit code.

    Raises:
        PanelError: the panel did not answer a dry run.
    """
    automatic = not balancer.settings.dry_run and await balancer.service.runtime.mode() == "auto"
    somebody = terminal.approve_all or balancer.telegram is not None or terminal.ask is not None
    if balancer.settings.dry_run or not (automatic or somebody):
        return await _rehearse(balancer, terminal)
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


async def _rehearse(balancer: VMBalancer, terminal: Terminal) -> int:
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
    return FAILED  # why, the cycle has said in the log, which the terminal shows


async def _decide(balancer: VMBalancer, terminal: Terminal, ids: Sequence[int]) -> None:
    """With ``--yes`` all is approved; with a chat the chat decides; else the terminal."""
    pending = [m for p in await _proposals(balancer, ids) for m in p.pending]
    actor = at_the_terminal()
    if terminal.approve_all:
        ids = [m.id for m in pending]
        await balancer.service.decisions.decide(ids, Verdict.APPROVE, actor, confirmed=ids)
    elif balancer.telegram is not None:
        terminal.write(balancer.texts.text("terminal-waiting-chat"))
        balancer.listen()
    elif terminal.ask is not None:
        await _ask(balancer, terminal, terminal.ask, pending, actor)
        if any(m.first is not None for p in await _proposals(balancer, ids) for m in p.pending):
            terminal.write(balancer.texts.text("terminal-second"))


async def _ask(
    balancer: VMBalancer,
    terminal: Terminal,
    ask: Callable[[str], Awaitable[str]],
    pending: Sequence[ProposedMove],
    actor: Actor,
) -> None:
    """Move by move. Who quits leaves nothing behind that could still be approved."""
    for index, proposed in enumerate(pending):
        lines = move_lines(balancer.texts, move_summary(balancer.texts, proposed.position + 1, proposed.move))
        for line in lines if terminal.tables is None else lines[:1]:  # a table with the rest stands above
            terminal.write(line)
        answer = await _answer(balancer, ask, balancer.texts.text("terminal-ask"), ANSWERS)
        while answer in ("y", "a"):
            ids = [m.id for m in (pending[index:] if answer == "a" else [proposed])]
            if await _approved(balancer, ask, ids, actor):
                break
            answer = await _answer(balancer, ask, balancer.texts.text("terminal-ask"), ANSWERS)
        if answer == "q":
            await balancer.service.decisions.withdraw([m.id for m in pending[index:]], actor)
        elif answer == "n":
            await balancer.service.decisions.decide([proposed.id], Verdict.SKIP, actor)
        if answer in ("a", "q"):
            return


async def _approved(
    balancer: VMBalancer, ask: Callable[[str], Awaitable[str]], move_ids: Sequence[int], actor: Actor
) -> bool:
    """Approves the moves; ``False`` where the person at the terminal does not confirm the large moves among them."""
    decide = balancer.service.decisions.decide
    results = await decide(move_ids, Verdict.APPROVE, actor)
    large = [r.move for r in results if r.needs_confirmation]
    if not large:
        return True
    gib, vms = sum(m.move.memory_mib for m in large) / 1024, ", ".join(one_line(m.move.vm_name) for m in large)
    question = balancer.texts.text("terminal-confirm", count=len(large), vms=vms, gib=gib)
    if await _answer(balancer, ask, question, YES_OR_NO) != "y":
        return False
    await decide(move_ids, Verdict.APPROVE, actor, confirmed=[m.id for m in large])
    return True


async def _answer(
    balancer: VMBalancer, ask: Callable[[str], Awaitable[str]], question: str, answers: Mapping[str, str]
) -> str:
    """One of the answers; the end of the input, or of the program, means ``q``."""
    while True:
        asking = asyncio.ensure_future(ask(question))
        stopping = asyncio.ensure_future(balancer.stopped())
        await asyncio.wait((asking, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not asking.done():
            asking.cancel()
            return "q"
        try:
            said = asking.result().strip().lower()
        except EOFError:
            return "q"
        if said in answers:
            return answers[said]


async def _settled(balancer: VMBalancer, ids: Iterable[int]) -> bool:
    """Nothing waits for people any more; what was approved is the executor's. An unknown outcome is an end here:
    only later cycles can settle it."""
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
    found = [await balancer.store.proposals.get(i) for i in ids]
    return [p for p in found if p is not None]
