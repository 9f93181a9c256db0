"""Deciding about moves that wait, from the page of moves."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.console.base import ConsoleBase
from bot.console.moves import MovesView
from bot.domain.proposals import MoveState, ProposedMove, Verdict
from bot.rendering.phrases import popup


def approve(app: ConsoleBase) -> None:
    _decide_one(app, approve=True)


def skip(app: ConsoleBase) -> None:
    _decide_one(app, approve=False)


def approve_all(app: ConsoleBase) -> None:
    _decide_all(app, approve=True)


def skip_all(app: ConsoleBase) -> None:
    _decide_all(app, approve=False)


def _decide_one(app: ConsoleBase, *, approve: bool) -> None:
    chosen = app.page(MovesView).chosen
    if chosen is None:
        app.say_key("console-choose-move", "warn")
    elif chosen.state is not MoveState.PENDING:
        app.say_key("console-move-over", "warn")
    else:
        _decide(app, [chosen], approve)


def _decide_all(app: ConsoleBase, *, approve: bool) -> None:
    """All that waits in the proposal of the chosen row; more than one is asked about."""
    proposal = app.page(MovesView).proposal
    if proposal is None:
        return
    pending = proposal.pending
    cluster, count = proposal.plan.cluster_name, len(pending)
    if count <= 1 or (approve and any(app.backend.service.decisions.is_large(m.move) for m in pending)):
        _decide(app, pending, approve)
        return
    question = app.texts.text("console-approve-ask" if approve else "console-skip-ask", count=count, cluster=cluster)
    yes = app.texts.text("console-key-approve_all" if approve else "console-key-skip_all")
    app.confirm(question, yes, lambda: _decide(app, pending, approve))


def _decide(app: ConsoleBase, moves: Sequence[ProposedMove], approve: bool, confirmed: Collection[int] = ()) -> None:
    verdict = Verdict.APPROVE if approve else Verdict.SKIP

    async def work() -> None:
        service = app.backend.service
        results = await service.decisions.decide([m.id for m in moves], verdict, app.actor, confirmed=confirmed)
        large = [r.move for r in results if r.needs_confirmation]
        if large:
            _ask_about_large(app, moves, large)
            return
        text = popup(app.texts, results, verdict, service.clock(), service.decisions.skip_cooldown)
        done = any(r.done or r.noted for r in results)
        if approve and any(r.done for r in results):
            text = " ".join([text, *await _why_it_waits(app)])
        app.say(text, "good" if done else "warn")

    app.do(work)


async def _why_it_waits(app: ConsoleBase) -> list[str]:
    """Why an approved move does not start at once, where that is so."""
    if await app.backend.service.runtime.paused_until() is not None:
        return [app.texts.text("console-starts-later")]
    return [app.texts.text("console-starts-never")] if await app.nobody_runs() else []


def _ask_about_large(app: ConsoleBase, moves: Sequence[ProposedMove], large: Sequence[ProposedMove]) -> None:
    """Asks the person to confirm the large moves, then approves all of the moves."""
    gib, vms = sum(m.move.memory_mib for m in large) / 1024, ", ".join(m.move.vm_name for m in large)
    question = app.texts.text("console-confirm-ask", count=len(large), vms=vms, gib=gib)
    yes = app.texts.text("console-key-approve" if len(moves) == 1 else "console-key-approve_all")
    app.confirm(question, yes, lambda: _decide(app, moves, True, confirmed=[m.id for m in large]))
