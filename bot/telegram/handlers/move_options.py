"""What can be done with a proposal beside a plain yes or no: later, elsewhere, for how long not, and taking back.

The service checks each action again; a button says only which move it is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Literal

from bot.domain import times
from bot.domain.proposals import MoveState, Proposal, ProposedMove, Verdict
from bot.rendering.phrases import large_words
from bot.service.decisions import ALWAYS, LONGEST_REST, LONGEST_WAIT, SHORTEST_REST
from bot.telegram.confirmations import WITHIN
from bot.telegram.handlers.base import (
    Action,
    ActionResult,
    Feature,
    NotForYou,
    Outdated,
    Page,
    Request,
    after_request,
)
from bot.telegram.handlers.replies import decided_words
from bot.telegram.keyboards.buttons import Row, do, go, in_pairs, keyboard, paged, pager
from bot.telegram.views import wording
from bot.telegram.views.cards import choice_line
from bot.telegram.views.moves import move_lines
from bot.telegram.views.proposals import proposal_view
from bot.telegram.views.view import View

MOVES_PER_PAGE = 6
SKIP_LENGTHS: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(days=1))
SNOOZES: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=8), timedelta(days=1))
HOURS = (2, 6, 12, 22)
"""The times of day that "later" offers."""
TIMES_OFFERED = 6


class MoveOptions(Feature):
    @property
    def pages(self) -> Mapping[str, Page]:
        return {"options": self.page, "move": self.move_page, "later": self.later, "targets": self.targets}

    @property
    def actions(self) -> Mapping[str, Action]:
        return {
            "more": self.more,
            "approve": self.approve,
            "approve-at": self.approve_at,
            "skip": self.skip,
            "retarget": self.retarget,
            "snooze": self.snooze,
            "stop": self.stop,
            "undo": self.undo,
            "call-back": self.call_back,
            "close": self.close,
        }

    async def linked(self, request: Request) -> Sequence[View]:
        """The proposal of a link, with what can be done about it here; a gone one is said kindly."""
        proposal = await self.service.store.proposals.get(request.key)
        if proposal is None or not self.sees(request, proposal.cluster_id):
            return [View(request.texts.html("link-gone"))]
        text = proposal_view(request.texts, proposal, self.service.clock()).text
        decidable = proposal.pending and self.may_decide(request, proposal.cluster_id)
        return [View(text, (await self.page(request)).keyboard if decidable else None)]

    # Pages ------------------------------------------------------------------------------------

    async def more(self, request: Request) -> ActionResult:
        """The card of choices, for the person who asks."""
        return ActionResult(aside=await self.page(request))

    async def page(self, request: Request) -> View:
        """A proposal as a whole; where one move waits, that move."""
        proposal = await self._proposal(request, request.key)
        if len(proposal.pending) == 1:
            return self._move_view(request, proposal, proposal.pending[0])
        texts = request.texts
        shown, part, count = paged(proposal.pending, request.part, MOVES_PER_PAGE)
        rows: list[Row] = [
            [go(f"{m.position + 1} · {wording.short(_route(m))}", "move", m.id, extra=str(part))] for m in shown
        ]
        rows.append(pager(texts, "options", part, count, key=proposal.id))
        if len(proposal.pending) > 1:
            rows.append([go(texts.text("button-all-later"), "later", proposal.id, extra="all")])
        rows += self._last_rows(request, proposal)
        title = texts.html("options-title", cluster=proposal.plan.cluster_name, count=len(proposal.pending))
        return View(title, keyboard(rows))

    async def move_page(self, request: Request) -> View:
        return self._move_view(request, *await self._move(request, request.key))

    def _move_view(self, request: Request, proposal: Proposal, proposed: ProposedMove) -> View:
        texts, now = request.texts, self.service.clock()
        lines = move_lines(texts, proposed, now)
        close = do(texts.text("button-close"), "close")
        if proposed.state is not MoveState.PENDING:
            return View(wording.joined(lines), keyboard([[close]]))
        buttons = [
            do(texts.text("button-rest", duration=wording.duration(texts, r)), "skip", proposed.id, extra=_seconds(r))
            for r in SKIP_LENGTHS
        ]
        many = len(proposal.pending) > 1
        rows: list[Row] = [
            [
                do(texts.text("button-approve-one"), "approve", proposed.id),
                go(texts.text("button-later"), "later", proposed.id),
            ],
            *in_pairs([*buttons, do(texts.text("button-rest-always"), "skip", proposed.id, extra=ALWAYS)]),
            [
                go(texts.text("button-targets"), "targets", proposed.id),
                go(texts.text("button-why"), "why-vm", proposed.move.vm_id),
            ],
        ]
        if many:
            rows.append([go(texts.text("button-back"), "options", proposal.id), close])
        else:
            rows += self._last_rows(request, proposal)
        return View(wording.joined([*lines, "", texts.html("options-legend")]), keyboard(rows))

    def _last_rows(self, request: Request, proposal: Proposal) -> list[Row]:
        """Leaving the whole cluster alone for a while; what a person wished for is stopped instead."""
        close: Row = [do(request.texts.text("button-close"), "close")]
        if not proposal.pending or proposal.asked_by is not None:
            return [close]
        words = (request.texts.text("button-snooze", duration=wording.duration(request.texts, s)) for s in SNOOZES)
        snoozes = [do(w, "snooze", proposal.id, extra=_seconds(s)) for w, s in zip(words, SNOOZES, strict=True)]
        return [*in_pairs([*snoozes, *close])]

    async def later(self, request: Request) -> View:
        """Times to approve one move for, or (``extra``) all of a proposal."""
        texts, now = request.texts, self.service.clock()
        whole = request.extra == "all"
        if whole:
            proposal = await self._proposal(request, request.key)
            back = go(texts.text("button-back"), "options", proposal.id)
            title = texts.html("later-title-all", count=len(proposal.pending))
        else:
            proposal, proposed = await self._move(request, request.key)
            back = go(texts.text("button-back"), "move", proposed.id)
            title = texts.html("later-title", vm=proposed.move.vm_name, target=proposed.move.target_name)
        times = [
            do(
                texts.text("button-at", time=wording.moment(texts, at, now)),
                "approve-at",
                request.key,
                extra=f"{'all' if whole else 'one'}.{int(at.timestamp())}",
            )
            for at in offered(now, texts.zone)
        ]
        return View(title, keyboard([*in_pairs(times), [back]]))

    async def targets(self, request: Request) -> View:
        """The best other nodes, each with what the move would make of it."""
        proposed = (await self._move(request, request.key))[1]
        texts, move = request.texts, proposed.move
        choices = await self.service.requests.best_targets(proposed.id)
        lines = [
            texts.html("targets-title" if choices else "targets-none", vm=move.vm_name, target=move.target_name),
            *(choice_line(texts, choice) for choice in choices),
        ]
        rows = [
            [do(f"🎯 {wording.short(c.node_name)}", "retarget", proposed.id, extra=str(c.node_id))] for c in choices
        ]
        rows.append([go(texts.text("button-back"), "move", proposed.id)])
        return View(wording.joined(lines), keyboard(rows))

    # Deeds ------------------------------------------------------------------------------------

    async def approve(self, request: Request) -> ActionResult:
        return await self._approve(request, [(await self._move(request, request.key))[1]], None)

    async def approve_at(self, request: Request) -> ActionResult:
        which, _, at = request.extra.partition(".")
        if which not in ("all", "one") or not at.isdecimal():
            raise Outdated
        start, now = datetime.fromtimestamp(int(at), timezone.utc), self.service.clock()
        if not now < start <= now + LONGEST_WAIT:
            return ActionResult(
                request.own.text("popup-time-over"), await self.later(request.about(request.key, extra=which))
            )
        if which == "all":
            return await self._approve(request, (await self._proposal(request, request.key)).pending, start)
        return await self._approve(request, [(await self._move(request, request.key))[1]], start)

    async def _approve(self, request: Request, moves: Sequence[ProposedMove], start: datetime | None) -> ActionResult:
        results = await self.approve_moves(request, moves, start)
        large = [r.move for r in results if r.needs_confirmation]
        if large:
            return ActionResult(large_words(request.own, large, round(WITHIN.total_seconds())), alert=True)
        words = await decided_words(self.service, request.own, results, Verdict.APPROVE)
        if start is not None and any(r.done for r in results):
            time = wording.moment(request.own, start, self.service.clock())
            words = request.own.text("popup-approved-at", count=sum(r.done for r in results), time=time)
        return await self._after(request, words, moves)

    async def skip(self, request: Request) -> ActionResult:
        proposed = (await self._move(request, request.key))[1]
        rest = _rest(request.extra)
        actor = request.context.actor
        results = await self.service.decisions.decide([proposed.id], Verdict.SKIP, actor, skip_for=rest)
        if rest == ALWAYS and results[0].done:
            words = request.own.text("popup-skipped-always", vm=wording.short(proposed.move.vm_name))
        else:
            length = self.service.decisions.skip_cooldown if isinstance(rest, str) else rest
            words = await decided_words(self.service, request.own, results, Verdict.SKIP, length)
        return await self._after(request, words, [proposed])

    async def retarget(self, request: Request) -> ActionResult:
        proposed = (await self._move(request, request.key))[1]
        if not request.extra.isdecimal():
            raise Outdated
        target_id, actor = int(request.extra), request.context.actor
        retarget = self.service.requests.retarget
        result = await self.requested(
            request, proposed.id, lambda risks: retarget(proposed.id, target_id, actor, confirmed=risks)
        )
        done = after_request(request, result)
        if result.needs_confirmation:
            return done
        return replace(await self._after(request, done.popup, [proposed]), alert=done.alert)

    async def snooze(self, request: Request) -> ActionResult:
        proposal = await self._proposal(request, request.key)
        rest = _rest(request.extra)
        if isinstance(rest, str):
            raise Outdated
        snooze = await self.service.decisions.snooze(proposal.id, rest, request.context.actor)
        if snooze is None:
            return ActionResult(request.own.text("popup-nothing-left"), close=True)
        until = wording.moment(request.own, snooze.until, self.service.clock())
        return ActionResult(
            request.own.text("popup-snoozed", cluster=wording.short(snooze.cluster_name), time=until), close=True
        )

    async def stop(self, request: Request) -> ActionResult:
        """Of a drain or a fill: what waits is withdrawn, what is queued called back, what runs goes on."""
        proposal = await self._proposal(request, request.key)
        stopped = await self.service.requests.stop(proposal.id, request.context.actor)
        if stopped is None:
            raise Outdated
        count, running = len(stopped.withdrawn) + len(stopped.called_back), len(stopped.running)
        return ActionResult(request.own.text("popup-stopped", count=count, running=running))

    async def undo(self, request: Request) -> ActionResult:
        """Moves back what has just arrived."""
        migration = await self.service.store.migrations.get(request.key)
        if migration is None:
            raise Outdated
        self._need(request, migration.cluster_id)
        actor = request.context.actor
        undo = self.service.requests.undo
        result = await self.requested(request, migration.id, lambda risks: undo(migration.id, actor, confirmed=risks))
        return after_request(request, result)

    async def call_back(self, request: Request) -> ActionResult:
        migration = await self.service.store.migrations.get(request.key)
        if migration is None:
            raise Outdated
        self._need(request, migration.cluster_id)
        done = await self.service.decisions.call_back(migration.id, request.context.actor)
        return ActionResult(request.own.text("popup-called-back" if done else "popup-started-already"))

    async def close(self, _ask: Request) -> ActionResult:
        return ActionResult(close=True)

    # ------------------------------------------------------------------------------------------

    async def _after(self, request: Request, words: str, moves: Sequence[ProposedMove]) -> ActionResult:
        """The card once something is decided: what else waits. Without that it closes: the proposal's own message
        shows what becomes of a move, the card would not follow it."""
        proposal = (await self._move(request, moves[0].id))[0]
        if not proposal.pending:
            return ActionResult(words, close=True)
        return ActionResult(words, await self.page(request.about(proposal.id)))

    async def _proposal(self, request: Request, proposal_id: int) -> Proposal:
        """
        Raises:
            Outdated: there is no such proposal, or it is none of this person's.
            NotForYou: this person only looks; or nothing can be decided in a dry run.
        """
        proposal = await self.service.store.proposals.get(proposal_id)
        if proposal is None or not self.sees(request, proposal.cluster_id):
            raise Outdated
        self._need(request, proposal.cluster_id)
        return proposal

    async def _move(self, request: Request, move_id: int) -> tuple[Proposal, ProposedMove]:
        """As ``_proposal``, of a move."""
        stored = await self.service.queries.proposed(move_id)
        if stored is None or not self.sees(request, stored[0].cluster_id):
            raise Outdated
        self._need(request, stored[0].cluster_id)
        return stored

    def _need(self, request: Request, cluster_id: int) -> None:
        if self.service.settings.dry_run:
            raise NotForYou(dry_run=True)
        self.need_decider(request, cluster_id)


def offered(now: datetime, zone: tzinfo | None) -> list[datetime]:
    """The next hours, and times of day that people like, soonest first."""
    here = times.local(now, zone)
    hour = here.replace(minute=0, second=0, microsecond=0)
    offers = {hour + timedelta(hours=2), hour + timedelta(hours=4)}
    for day in (0, 1):
        offers |= {(hour + timedelta(days=day)).replace(hour=h) for h in HOURS}
    return sorted(t for t in offers if t > now + timedelta(minutes=30))[:TIMES_OFFERED]


def _route(proposed: ProposedMove) -> str:
    return f"{proposed.move.vm_name} → {proposed.move.target_name}"


def _seconds(length: timedelta) -> str:
    return str(int(length.total_seconds()))


def _rest(extra: str) -> timedelta | Literal["always"]:
    """
    Raises:
        Outdated: no button of ours says so.
    """
    if extra == ALWAYS:
        return ALWAYS
    longest = int(LONGEST_REST.total_seconds())
    if not extra.isdecimal() or not int(SHORTEST_REST.total_seconds()) <= int(extra) <= longest:
        raise Outdated
    return timedelta(seconds=int(extra))
