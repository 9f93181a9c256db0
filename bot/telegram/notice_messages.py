"""The messages of notices in one chat: which are for it, when they make a sound, and which edit an earlier one."""

from __future__ import annotations

import logging

from bot.observability.watchdog import ALARM_KEY as WATCHDOG_KEY
from bot.service.values import OUTAGE_KEY
from bot.store.values import Notice, NoticeKind
from bot.telegram.deep_links import proposal_links
from bot.telegram.proposal_messages import ProposalMessages
from bot.telegram.shown_chat import ShownChat
from bot.telegram.views.notices import Sound, notice_view, sound_of
from bot.telegram.views.view import View

log = logging.getLogger(__name__)

OUTCOME = "migration-"
"""How the subject of an unknown outcome begins."""
WITH_AN_END = (NoticeKind.OUTAGE, NoticeKind.FAILED)
"""Notices whose end edits their message."""


class NoticeMessages:
    """
    Args:
        general: the chat gets notices that concern no cluster: outages.
        escalates: the chat gets what nobody answered elsewhere.
    """

    def __init__(self, chat: ShownChat, proposals: ProposalMessages, *, general: bool, escalates: bool) -> None:
        self._chat = chat
        self._context = chat.context
        self._store = chat.context.store
        self._proposals = proposals
        self._general = general
        self._escalates = escalates

    async def concerns(self, notice: Notice) -> bool | None:
        """Whether a notice is for this chat; ``None``: that is known after the next check."""
        if notice.kind is NoticeKind.ESCALATION or not self._chat.reports:
            return self._escalates and notice.kind is NoticeKind.ESCALATION
        if notice.proposal_id is not None:
            proposal = await self._store.proposals.get(notice.proposal_id)
            return proposal is not None and self._chat.shows(proposal)
        cluster = None if notice.body is None else dict(notice.body.params).get("cluster")
        if cluster is None and notice.kind is not NoticeKind.DIGEST:
            return self._general
        clusters = self._chat.clusters()
        if clusters is None:
            return True
        if not self._context.clusters():
            return None
        return bool(clusters) if cluster is None else cluster in clusters.values()

    async def send(self, notice: Notice) -> None:
        """Sends a notice, or edits the message of the notice that it continues or ends."""
        subject, group = notice.subject, await self._group(notice)
        if group[-1].id != notice.id or (subject is not None and not group[1:] and await self._is_outdated(notice)):
            return  # it could not be sent before it was over, or before the next one was due
        view = await self._view(notice)
        edits = notice.ends or len(group) > 1
        if view is None or (subject is not None and edits and await self._edit(subject, view)):
            return
        about = None
        if notice.proposal_id is not None and self._chat.reports:  # an escalation stands alone
            about = await self._store.proposals.get(notice.proposal_id)
        begins = subject is not None and not notice.ends and notice.kind in WITH_AN_END
        if begins:
            await self._store.notices.keep_message(subject or "", self._chat.chat_id, 0)
        reply_to = 0 if about is None else await self._proposals.number(about.id)
        sound, key = sound_of(notice), ("notice", notice.id)
        message_id = await self._context.sender.send_once(
            key,
            self._chat.place(None if about is None else about.plan),
            view,
            reply_to or None,
            loud=sound is Sound.ALWAYS,
            silent=not await self._makes_sound(notice, None if about is None else about.cluster_id),
        )
        if begins:
            await self._remember(subject or "", message_id)

    async def _remember(self, subject: str, message_id: int) -> None:
        """If it fails, the notice is sent all the same, and its end becomes a message of its own."""
        try:
            await self._store.notices.keep_message(subject, self._chat.chat_id, message_id)
        except Exception:
            log.exception("The message of a notice cannot be remembered: its end becomes another message")

    async def _group(self, notice: Notice) -> list[Notice]:
        """The failures that share a message with this notice, oldest first; any other notice stands alone."""
        return await self._store.notices.together(notice) if notice.kind is NoticeKind.FAILED else [notice]

    async def _is_outdated(self, notice: Notice) -> bool:
        """Whether a later notice says more. A later failure is another event."""
        if notice.ends or (notice.kind is NoticeKind.FAILED and not (notice.subject or "").startswith(OUTCOME)):
            return False
        return await self._store.notices.is_outdated(notice)

    async def _makes_sound(self, notice: Notice, cluster_id: int | None) -> bool:
        """Whether a notice makes a sound now. An outage that is reported makes the only sound about missing checks.

        Args:
            cluster_id: that of its proposal.
        """
        sound = sound_of(notice)
        if sound is Sound.OUTSIDE_QUIET_HOURS and cluster_id is not None:
            reminder = notice.kind is NoticeKind.REMINDER
            return await self._chat.makes_sound(("notice", notice.id), cluster_id, reminder=reminder)
        if notice.subject == WATCHDOG_KEY and await self._store.settings.get(OUTAGE_KEY) is not None:
            return False
        return sound is not Sound.NEVER

    async def _edit(self, subject: str, view: View) -> bool:
        """Writes the end of something into the message of its beginning; whether there was such a message."""
        message_id = await self._store.notices.message_of(subject, self._chat.chat_id)
        if not message_id:
            return False
        return await self._context.sender.edited(self._chat.chat_id, message_id, view)

    async def _view(self, notice: Notice) -> View | None:
        return await notice_view(
            *(self._chat.texts, self._store, notice, self._context.clock()),
            hours=self._context.hours,
            clusters=self._chat.clusters(),
            links=lambda proposals: proposal_links(self._context.bot(), self._chat.texts, proposals),
            quarantine=self._context.quarantine,
            capacity=self._context.capacity,
        )
