"""What one chat still has to be shown, and in which order."""

from __future__ import annotations

from collections.abc import Callable

from bot.store.values import Notice
from bot.telegram.attempts import PART, Attempt, Attempts, Key
from bot.telegram.campaign_messages import CampaignMessages
from bot.telegram.dry_run_posts import DryRunPosts
from bot.telegram.greeting import Greeting
from bot.telegram.notice_messages import NoticeMessages
from bot.telegram.proposal_messages import ProposalMessages
from bot.telegram.shown_chat import ShownChat

PROPOSAL, NOTICE = "proposal", "notice"
"""Kinds of messages that are tried again after a defect."""


class MessageQueue:
    """``changed``: proposals whose message may show an old state. ``ticking``: those of which only the time of a
    running migration is to be updated.

    Args:
        wake: called when a message is to be tried again.
    """

    def __init__(
        self,
        chat: ShownChat,
        proposals: ProposalMessages,
        notices: NoticeMessages,
        campaigns: CampaignMessages,
        wake: Callable[[], None],
    ) -> None:
        self.changed: set[int] = set()
        self.ticking: set[int] = set()
        self.greeting = Greeting(chat)
        self.dry_runs = DryRunPosts(chat)
        self._chat = chat
        self._context = chat.context
        self._store = chat.context.store
        self._proposals = proposals
        self._notices = notices
        self._campaigns = campaigns
        self._wake = wake
        self._attempts = Attempts(chat.context, self._again)
        self._settled: set[int] = set()
        """Notices that are sent or left out, while the database does not say so yet."""

    async def show(self) -> None:
        """Decisions first: messages that exist already; then new messages, notices, and the time of what runs."""
        async with self._context.defects.contained(PART, "The language of the chat cannot be read"):
            await self._chat.read_language()
        await self.note()
        known = [i for i in sorted(self.changed) if await self._has_message(i)]
        for proposal_id in [*known, *sorted(self.changed.difference(known))]:
            await self._show_proposal(proposal_id)
        await self._attempts.show(self._campaigns.show(), "Campaigns")
        for notice in await self._store.notices.unsent(self._chat.chat_id):
            await self._show_notice(notice)
        await self.dry_runs.send(self._attempts)
        if await self._attempts.show(self.greeting.send(), "The first message") is not Attempt.DONE:
            self.greeting.drop()
        while self.ticking:
            await self._attempts.show(
                self._proposals.show(proposal_id := self.ticking.pop(), tick=True), f"{proposal_id}"
            )

    async def _has_message(self, proposal_id: int) -> bool:
        async with self._context.defects.contained(PART, f"The message of proposal {proposal_id} cannot be looked up"):
            return bool(await self._proposals.number(proposal_id))
        return False

    async def _show_proposal(self, proposal_id: int) -> None:
        """A proposal leaves the set of changed ones only when it is shown, so a failure loses nothing."""
        self.changed.discard(proposal_id)
        self.ticking.discard(proposal_id)
        try:
            attempt = await self._attempts.show(self._proposals.show(proposal_id), f"Proposal {proposal_id}")
        except BaseException:
            self.changed.add(proposal_id)
            raise
        if attempt is Attempt.DEFECT:
            self._attempts.plan_another((PROPOSAL, proposal_id))
        else:
            self._attempts.forget((PROPOSAL, proposal_id))

    async def _show_notice(self, notice: Notice) -> None:
        """A notice counts as seen when it is sent, is not for this chat, or cannot be sent by any repetition."""
        key = (NOTICE, notice.id)
        if self._attempts.waits(key):
            return
        if notice.id not in self._settled:
            attempt = await self._attempts.show(self._send_notice(notice), f"Notice {notice.id}")
            left_out = attempt is Attempt.REFUSED or (
                attempt is Attempt.DEFECT and not self._attempts.plan_another(key)
            )
            if left_out:
                self._settled.add(notice.id)
        if notice.id in self._settled:
            await self._store.notices.mark_sent(
                notice.id, self._context.clock(), self._chat.chat_id, self._context.chats()
            )
            self._settled.discard(notice.id)
            self._attempts.forget(key)

    async def _send_notice(self, notice: Notice) -> None:
        concerned = await self._notices.concerns(notice)
        if concerned is None:  # known after the next check
            return
        if concerned:
            await self._notices.send(notice)
        self._settled.add(notice.id)

    def _again(self, key: Key) -> None:
        kind, number = key
        if kind == PROPOSAL:
            self.changed.add(number)
        self._wake()

    async def note(self) -> None:
        """Writes down what is to be shown for the first time; of an incident its newest proposal."""
        for proposal_id in sorted(self.changed):
            attempt = await self._attempts.show(self._note_one(proposal_id), f"Proposal {proposal_id}")
            if attempt is Attempt.DEFECT:
                self.changed.discard(proposal_id)
                self._attempts.plan_another((PROPOSAL, proposal_id))

    async def _note_one(self, proposal_id: int) -> None:
        newest = await self._proposals.newest(proposal_id)
        if newest != proposal_id:
            self.ticking.discard(proposal_id)
            self.changed.discard(proposal_id)
            self.changed.add(newest)
        await self._proposals.note(newest)
