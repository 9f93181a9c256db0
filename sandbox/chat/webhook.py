"""Sends updates to the bot's webhook, one after the other; repeats each until it is answered with 2xx."""

from __future__ import annotations

import asyncio

import aiohttp

from sandbox.chat.state import ChatState

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
RETRY_S = 0.5


async def deliver(state: ChatState) -> None:
    """Runs until cancelled."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            update = await state.updates.deliverable()
            webhook = state.updates.webhook
            headers = {SECRET_HEADER: webhook["secret_token"]} if webhook["secret_token"] else {}
            trouble = ""
            try:
                async with session.post(webhook["url"], json=update, headers=headers) as answer:
                    if answer.status >= 300:
                        trouble = f"Wrong response from the webhook: {answer.status} {answer.reason}"
            except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                trouble = str(error) or "Read timeout expired"
            if trouble:
                state.updates.last_webhook_error = (state.now(), trouble)
                await asyncio.sleep(RETRY_S)
            else:
                state.updates.confirm(update["update_id"] + 1)
