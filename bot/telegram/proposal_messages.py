"""The messages of proposals in one chat: one for each incident and each request, edited when its rows change."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from aiogram.exceptions import TelegramBadRequest

from bot.domain.aborts import Abort
from bot.domain.outcomes import Outcome
from bot.domain.promise_verdicts import first
from bot.domain.proposals import IN_FLIGHT, MigrationState, Proposal, ProposedMove, changing_times, waiting_for_hours
from bot.store.values import MessageRow
from bot.telegram.shown_chat import ShownChat
from bot.telegram.views.node_requests import is_node_request
from bot.telegram.views.proposal_lines import Ahead, is_ended
from bot.telegram.views.proposals import proposal_view
from bot.telegram.views.rich_proposals import rich_proposal
from bot.telegram.views.view import View

log = logging.getLogger(__name__)


class ProposalMessages:
    """Every method may raise AiogramError (Telegram does not answer or refuses) and StoreError."""

    def __init__(self, chat: ShownChat) -> None:
        self._chat = chat
        self._context = chat.context
        self._store = chat.context.store
        self._noted: set[int] = set()
        self._unsaved: dict[int, MessageRow] = {}
        """Messages that were sent while the database did not take their numbers: they are not sent again."""
        self.running: set[int] = set()
        """Proposals with a running migration: their time is to be brought up to date."""
        self.changes_at: dict[int, datetime] = {}
        """Proposal -> when its message changes by time alone: a button disappears, or somebody's look ends."""

    def forget_noted(self) -> None:
        """The chat has another id now: what is to be shown there is to be noted again."""
        self._noted.clear()
        self._unsaved.clear()

    async def newest(self, proposal_id: int) -> int:
        """The proposal to show when this one has changed: the message of an incident shows its newest one."""
        newest = await self._store.incidents.newest_proposal(proposal_id)
        if newest != proposal_id:
            self.running.discard(proposal_id)
            self.changes_at.pop(proposal_id, None)
        return newest

    async def note(self, proposal_id: int) -> None:
        """Writes down that a proposal is to be shown, if it is to be shown for the first time."""
        if proposal_id in self._noted:
            return
        if await self._store.messages.get(proposal_id, self._chat.chat_id) is None:
            proposal = await self._store.proposals.get(proposal_id)
            if proposal is not None and self._chat.posts(proposal) and _worth_showing(proposal, ()):
                await self._store.messages.intend(proposal_id, self._chat.chat_id)
        self._noted.add(proposal_id)

    async def number(self, proposal_id: int) -> int:
        """The number of a proposal's message; 0 = it has none, or the number is unknown."""
        row = await self._store.messages.get(proposal_id, self._chat.chat_id)
        return row.message_id if row else 0

    async def show(self, proposal_id: int, *, tick: bool = False) -> None:
        proposal = await self._store.proposals.get(proposal_id)
        if proposal is None or not self._chat.posts(proposal):
            return
        if proposal_id in self._unsaved:
            await self._save(self._unsaved[proposal_id])
        ahead = await self._ahead(proposal)
        self._note_running(proposal, ahead.earlier)
        row = await self._store.messages.get(proposal_id, self._chat.chat_id)
        view = self._view(proposal, row.page if row else 0, ahead)
        digest = view.digest
        if row is None or not row.message_id:
            if _worth_showing(proposal, ahead.earlier) and not (row and (row.shown == digest or (row.shown and tick))):
                await self._post(proposal, view, digest, row)
            elif row is not None and not row.shown:  # it ended before it could be shown
                await self._store.messages.save(MessageRow(proposal_id, self._chat.chat_id, 0, 0, "", view.final))
        elif row.shown != digest or row.final != view.final:
            await self._edit(proposal, row, view, digest, ahead)

    async def _ahead(self, proposal: Proposal) -> Ahead:
        """What the message shows besides the proposal. Also notes when its next button has to disappear."""
        now = self._context.clock()
        incident = await self._store.incidents.of_proposal(proposal.id)
        earlier = () if incident is None else await self._store.incidents.moves_besides(incident, proposal.id)
        moves = (*earlier, *proposal.moves)
        times = changing_times(moves, now, self._context.undo_window)
        undone = await self._store.migrations.undone(times.undo_until) if times.undo_until else ()
        opens = self._context.hours.opens_at(proposal.cluster_id, proposal.plan.cluster_name)
        ends = {i: until for i, until in times.undo_until.items() if i not in undone}
        looking = None if incident is None else incident.looked_into(now)
        later = [*ends.values(), *times.starts, *([opens] if opens and waiting_for_hours(moves) else [])]
        later += [] if looking is None else [looking.until]
        if later:
            self.changes_at[proposal.id] = min(later)
        else:
            self.changes_at.pop(proposal.id, None)
        aborts = await self._aborts(moves)
        running = [m.migration.id for m in moves if m.migration and m.migration.state is MigrationState.RUNNING]
        stoppable = [i for i in running if i not in aborts or not aborts[i].may_have_reached_the_panel]
        return Ahead(
            *(frozenset(ends), opens, incident, earlier, await self._outcomes(moves)),
            stoppable=frozenset(stoppable) if self._context.allow_abort else frozenset(),
            aborts=aborts,
            progress={i: known for i in running if (known := self._context.progress(i)) is not None},
        )

    async def _aborts(self, moves: Sequence[ProposedMove]) -> dict[int, Abort]:
        """Of migrations that are not over; how the others ended says more."""
        ids = [m.migration.id for m in moves if m.migration and m.migration.state in IN_FLIGHT]
        return await self._store.aborts.of(ids) if ids else {}

    async def _outcomes(self, moves: Sequence[ProposedMove]) -> dict[int, Outcome]:
        """The first comparison of each migration: it is told once."""
        ids = [m.migration.id for m in moves if m.migration and m.migration.state is MigrationState.SUCCEEDED]
        return first(await self._store.outcomes.of(ids)) if ids else {}

    def _view(self, proposal: Proposal, page: int, ahead: Ahead) -> View:
        texts, now = self._chat.texts, self._context.clock()
        view = proposal_view(texts, proposal, now, page, ahead)
        if self._context.rich and not is_node_request(proposal):
            view = replace(view, rich=rich_proposal(texts, proposal, now, page, ahead))
        shows_plan = not is_ended(ahead) and (proposal.pending or any(m.migration for m in proposal.moves))
        return replace(view, picture=self._context.pictures(texts, proposal)) if shows_plan else view

    async def _post(self, proposal: Proposal, view: View, digest: str, row: MessageRow | None) -> None:
        """Posts a message; without a sound where no other person has to answer, and where it replaces a lost one."""
        key = ("proposal", proposal.id)
        asks = not proposal.automatic and (proposal.asked_by is None or self._context.two_person)
        again = row is not None and bool(row.shown)
        silent = not asks or again or not await self._chat.makes_sound(key, proposal.cluster_id)
        message_id = await self._context.sender.send_once(key, self._chat.place(proposal.plan), view, silent=silent)
        page = row.page if row else 0
        await self._save(MessageRow(proposal.id, self._chat.chat_id, message_id, page, digest, view.final))

    async def _save(self, row: MessageRow) -> None:
        """Stores a message that was sent. If that fails, the next try stores it before anything is sent."""
        self._unsaved[row.proposal_id] = row
        await self._store.messages.save(row)
        self._unsaved.pop(row.proposal_id, None)

    async def _edit(self, proposal: Proposal, row: MessageRow, view: View, digest: str, ahead: Ahead) -> None:
        shown = await self._context.sender.edited(row.chat_id, row.message_id, view)
        # Someone deleted it, or it is too old. What was moved is worth a message even when all is over.
        moved = any(m.migration for m in (*ahead.earlier, *proposal.moves))
        if not shown and (moved or not proposal.settled):
            await self._post(proposal, view, digest, row)
            await self._retire(row, view)
            return
        # The page may have been turned meanwhile: keep what the row says now.
        latest = await self._store.messages.get(proposal.id, row.chat_id)
        page = latest.page if latest else row.page
        await self._store.messages.save(MessageRow(proposal.id, row.chat_id, row.message_id, page, digest, view.final))

    async def _retire(self, row: MessageRow, view: View) -> None:
        """Takes the buttons off a message that another one replaces, where Telegram still lets us."""
        try:
            await self._context.sender.retire(row.chat_id, row.message_id, view)
        except TelegramBadRequest as error:
            log.debug("An older message kept its buttons: %s", error.message)

    def _note_running(self, proposal: Proposal, earlier: Sequence[ProposedMove]) -> None:
        if any(m.migration and m.migration.state in IN_FLIGHT for m in (*earlier, *proposal.moves)):
            self.running.add(proposal.id)
        else:
            self.running.discard(proposal.id)

    async def repost(self, proposal_id: int) -> None:
        """Shows a proposal again at the end of the chat; the older message loses its buttons."""
        proposal = await self._store.incidents.newest(proposal_id)
        row = await self._store.messages.get(proposal_id, self._chat.chat_id)
        if proposal is None or not self._chat.posts(proposal):
            return
        page = row.page if row else 0
        view = self._view(proposal, page, await self._ahead(proposal))
        message_id = await self._context.sender.send(self._chat.place(proposal.plan), view)
        await self._store.messages.save(
            MessageRow(proposal_id, self._chat.chat_id, message_id, page, view.digest, view.final)
        )
        if row is not None and row.message_id:
            await self._retire(row, view)


def _worth_showing(proposal: Proposal, earlier: Sequence[ProposedMove]) -> bool:
    """Whether a proposal not shown so far is news: one that ended unseen is not, unless something was moved."""
    return bool(proposal.pending) or any(m.migration for m in (*earlier, *proposal.moves))
