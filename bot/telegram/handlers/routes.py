"""Brings commands and buttons to the features that know them, and their answers back. Decides nothing itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message
from markupsafe import Markup

from bot.domain.proposals import Actor
from bot.domain.sanitize import one_line
from bot.errors import BalancerError, ConfigError, DryRunError, NotFound
from bot.rendering.catalog import Texts
from bot.rendering.phrases import POPUP_LIMIT
from bot.telegram.commands import COMMANDS, CommandInfo
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, NotForYou, Outdated, Page, Request
from bot.telegram.handlers.replies import close, has_button, is_ephemeral, is_page, replace, reply, reply_in_place, say
from bot.telegram.keyboards.buttons import with_close
from bot.telegram.keyboards.callbacks import LEGACY_BUTTONS, DoButton, GoButton, LegacyButton
from bot.telegram.middlewares.access import RequestContext
from bot.telegram.views import wording
from bot.telegram.views.view import View

Unknown = Callable[[Request], Awaitable[Sequence[View]]]
Record = Callable[[str, Actor, str], Awaitable[None]]
PERSONAL = ("tour", "options", "move", "later", "targets")
"""The pages that stay with the one who asked."""


class Routes:
    """Finds the feature for a command or a button.

    Args:
        unknown: answers unknown commands, and words that are no command.
        record: writes a press that does not count into the audit trail: why, who, and what the button carried.
        ephemeral: in a group, an answer that only the asking person needs is shown to that person alone.
    """

    def __init__(
        self, features: Sequence[Feature], unknown: Unknown, record: Record, *, ephemeral: bool = True
    ) -> None:
        self._record = record
        self._commands: dict[str, Answer] = {}
        self._pages: dict[str, Page] = {}
        self._actions: dict[str, Action] = {}
        self._message_actions: dict[str, Action] = {}
        for feature in features:
            self._commands |= feature.commands
            self._pages |= feature.pages
            self._actions |= feature.actions
            self._message_actions |= feature.message_actions
        self._unknown = unknown
        self._ephemeral = ephemeral

    def router(self) -> Router:
        router = Router(name="features")
        for info in COMMANDS:
            router.message.register(self._handler(info), Command(info.name, ignore_case=True))
        router.message.register(self._no_command, Command(re.compile(r".+")))
        router.message.register(self._words, F.text)
        router.callback_query.register(self._go, GoButton.filter())
        router.callback_query.register(self._do, DoButton.filter())
        for button in LEGACY_BUTTONS:
            router.callback_query.register(self._do_legacy, button.filter())
        router.callback_query.register(self._no_button)
        return router

    def _handler(self, info: CommandInfo) -> Callable[..., Awaitable[None]]:
        work = self._commands[info.name]

        async def handle(message: Message, command: CommandObject, context: RequestContext) -> None:
            request = Request(context, (command.args or "").strip(), tell=partial(_tell, message, context.texts))
            views: Sequence[View] = [View(context.texts.html("only-admins"))]
            alone = True
            if info.open_to(context.permissions, request.args):
                views, alone = await self._answered(work, request)
            await self._say(message, context, views, alone or (info.personal and not request.args))

        return handle

    @staticmethod
    async def _answered(work: Answer, request: Request) -> tuple[Sequence[View], bool]:
        """The answer, and whether it is only for the person who asks."""
        try:
            return await work(request), False
        except NotFound as error:
            return [View(wording.joined(_not_found(request.texts, error)))], True
        except NotForYou:
            return [View(request.texts.html("only-admins"))], True
        except ConfigError as error:
            return [View(request.texts.html("setting-refused", problem="; ".join(error.problems)))], True
        except BalancerError as error:
            return [View(request.texts.html("problem", problem=str(error)))], False

    async def _say(self, message: Message, context: RequestContext, views: Sequence[View], alone: bool) -> None:
        only_to = context.user_id if alone and self._ephemeral and not context.private else None
        for view in views:
            await say(message, _closable(context.texts, view), only_to=only_to)

    async def _no_command(self, message: Message, command: CommandObject, context: RequestContext) -> None:
        views, _ = await self._answered(self._unknown, Request(context, f"/{command.command}"))
        await self._say(message, context, views, alone=True)

    async def _words(self, message: Message, context: RequestContext) -> None:
        """Plain words: in a group people talk to each other, so the bot answers them in private chats only."""
        if context.private and message.text:
            views, _ = await self._answered(self._unknown, Request(context, message.text.strip()))
            await self._say(message, context, views, alone=False)

    # Buttons ----------------------------------------------------------------------------------

    async def _go(self, query: CallbackQuery, callback_data: GoButton, context: RequestContext) -> None:
        page = self._pages.get(callback_data.page)
        if page is None or not is_page(query):
            await self._no_button(query, context)
            return

        async def show(request: Request) -> ActionResult:
            view = await page(request)
            # From what one person alone sees the way leads back to all: what is changed there, they see.
            stays = callback_data.page in PERSONAL or not is_ephemeral(query)
            return ActionResult(view=view) if stays else ActionResult(say=view)

        await self._pressed(query, callback_data, context, show)

    async def _do(self, query: CallbackQuery, callback_data: DoButton, context: RequestContext) -> None:
        action = self._message_actions.get(callback_data.action)
        if action is None and has_button(query):
            action = self._actions.get(callback_data.action)
        if action is None:
            await self._no_button(query, context)
            return
        await self._pressed(query, callback_data, context, action)

    async def _do_legacy(self, query: CallbackQuery, callback_data: LegacyButton, context: RequestContext) -> None:
        """A button of a message that an older version sent."""
        button = callback_data.current()
        if button is None:
            await self._no_button(query, context)
        else:
            await self._do(query, button, context)

    async def _pressed(
        self, query: CallbackQuery, data: GoButton | DoButton, context: RequestContext, action: Action
    ) -> None:
        message_id = query.message.message_id if query.message is not None else 0
        button = f"{context.chat_id} {message_id} {query.data}"
        try:
            done = await action(
                Request(context, "", data.key, data.part, data.extra, button, message_id, has_button(query))
            )
        except NotFound as error:
            done = ActionResult("\n".join(str(line.striptags()) for line in _not_found(context.own, error)), alert=True)
        except (DryRunError, NotForYou, Outdated) as refusal:
            done = await self._refused(query, context, refusal)
        except BalancerError as error:
            done = ActionResult(context.own.text("problem", problem=str(error)), alert=True)
        await query.answer(done.popup[:POPUP_LIMIT] or None, show_alert=done.alert)
        if done.view is not None:
            # A page takes the place of a card, so it can be closed even if it is one line.
            page = dataclasses.replace(done.view, keyboard=with_close(context.texts, done.view.keyboard))
            await replace(query, page)
        if done.say is not None:
            await reply(query, _closable(context.texts, done.say))
        if done.aside is not None:
            in_place = reply_in_place if self._ephemeral else reply
            await in_place(query, _closable(context.texts, done.aside))
        if done.close:
            await close(query)

    async def _refused(self, query: CallbackQuery, context: RequestContext, refusal: Exception) -> ActionResult:
        """A press that does not count is answered and recorded."""
        key = "popup-old"
        if not isinstance(refusal, Outdated):
            dry_run = isinstance(refusal, DryRunError) or (isinstance(refusal, NotForYou) and refusal.dry_run)
            key = "popup-dry-run" if dry_run else "popup-viewer"
        await self._record(key, context.actor, one_line(query.data or ""))
        return ActionResult(context.own.text(key))

    @staticmethod
    async def _no_button(query: CallbackQuery, context: RequestContext) -> None:
        """What no button of ours carries, or none of this version: forged, or older than an update."""
        await query.answer(context.own.text("popup-old"))


async def _tell(message: Message, texts: Texts, view: View) -> None:
    await say(message, _closable(texts, view))


def _closable(texts: Texts, view: View) -> View:
    """A card, that is an answer with buttons or of several lines, can always be closed."""
    if view.keyboard is None and view.photo is None and "\n" not in str(view.text):
        return view
    return dataclasses.replace(view, keyboard=with_close(texts, view.keyboard))


def _not_found(texts: Texts, error: NotFound) -> list[Markup]:
    lines = [texts.html(f"not-found-{error.what}", name=error.name)]
    if error.near:
        lines.append(texts.html("not-found-near", names=", ".join(error.near)))
    return lines
