"""The message of each campaign in one chat: posted once, then edited whenever something changes."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.campaigns import Campaign
from bot.service.campaigns import arrived_of
from bot.telegram.sender import Place
from bot.telegram.shown_chat import ShownChat
from bot.telegram.views.campaigns import campaign_view
from bot.telegram.views.pictures import picture_of_campaign

LOOKED_AT = 20
"""The newest campaigns whose messages are kept up to date."""
ENDED_FOR = timedelta(days=1)
"""For so long after its end a campaign is brought up to date after a restart."""


class CampaignMessages:
    """Every method may raise AiogramError (Telegram does not answer or refuses) and StoreError."""

    def __init__(self, chat: ShownChat) -> None:
        self._chat = chat
        self._context = chat.context
        self._store = chat.context.store
        self._shown: dict[int, str] = {}

    def forget(self) -> None:
        """The chat has another id now."""
        self._shown.clear()

    async def show(self) -> None:
        """Brings the messages of all campaigns of this chat's clusters up to date."""
        if not self._chat.reports:
            return
        for campaign in reversed(await self._store.campaigns.newest(LOOKED_AT)):
            if self._chat.chat.shows(campaign.cluster_id, campaign.cluster_name) and self._is_news(campaign):
                await self._show(campaign)

    def _is_news(self, campaign: Campaign) -> bool:
        if campaign.id in self._shown or campaign.ended_at is None:
            return True
        return self._context.clock() - campaign.ended_at < ENDED_FOR

    async def _show(self, campaign: Campaign) -> None:
        arrived = await arrived_of(self._store, campaign)
        texts, now = self._chat.texts, self._context.clock()
        picture = picture_of_campaign(texts, campaign) if self._context.illustrated else None
        view = campaign_view(texts, campaign, arrived, now, two_person=self._context.two_person, picture=picture)
        if self._shown.get(campaign.id) == view.digest:
            return
        subject = f"campaign-{campaign.id}"
        message_id = await self._store.notices.message_of(subject, self._chat.chat_id)
        if not message_id or not await self._context.sender.edited(self._chat.chat_id, message_id, view):
            message_id = await self._context.sender.send_once(
                ("campaign", campaign.id), self._place(campaign), view, silent=True
            )
            await self._store.notices.keep_message(subject, self._chat.chat_id, message_id)
        self._shown[campaign.id] = view.digest

    def _place(self, campaign: Campaign) -> Place:
        chat = self._chat
        topic = chat.chat.topic_of(campaign.cluster_id, campaign.cluster_name)
        return Place(chat.chat_id, chat.chat.named, topic)
