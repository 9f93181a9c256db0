"""The first steps: a tour with buttons, the commands by role, the language; and help for what nobody understands."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from aiogram.types import InlineKeyboardMarkup
from markupsafe import Markup

from bot.rendering.catalog import LANGUAGES, Texts
from bot.service.service import Service
from bot.telegram.commands import COMMANDS, GROUPS, CommandInfo, commands_for
from bot.telegram.confirmations import Confirmations
from bot.telegram.deep_links import linked_proposal
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Page, Request
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.languages import Languages
from bot.telegram.notifier import TelegramNotifier
from bot.telegram.views import wording
from bot.telegram.views.view import View

STEPS = 4
AUTO = "auto"
ARGUMENTS = ("cluster", "gib", "n", "name", "node", "nodes", "strategy", "value", "vcpus", "vm")
"""Words for arguments that stand for something, not for themselves, in lower case."""
NEAR = 0.5
"""How alike a command and what was typed have to be to be suggested."""


class Help(Feature):
    """
    Args:
        named: opens the card of what words alone name.
        linked: shows the proposal whose number a link of ours carries.
    """

    def __init__(
        self,
        service: Service,
        notifier: TelegramNotifier,
        confirmations: Confirmations,
        languages: Languages,
        *,
        named: Answer,
        linked: Answer,
    ) -> None:
        super().__init__(service, notifier, confirmations)
        self._languages = languages
        self._named = named
        self._linked = linked

    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"start": self.start, "help": self.help, "language": self.language}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"tour": self.step}

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"language": self.choose_language}

    async def start(self, request: Request) -> Sequence[View]:
        """What Telegram sends first; with the number of a proposal, where somebody followed a link to one."""
        if (proposal_id := linked_proposal(request.args)) is not None:
            return await self._linked(request.about(proposal_id))
        return [await self.step(request)]

    async def step(self, request: Request) -> View:
        """The tour's page ``part``: what this is, how a proposal is read, how to decide, where to look."""
        texts, part = request.texts, min(request.part, STEPS - 1)
        words = (
            texts.html("tour-welcome"),
            texts.html("tour-proposal"),
            texts.html("tour-decide"),
            texts.html("tour-look"),
        )
        lines: list[Markup | str] = [words[part], "", texts.html("tour-page", page=part + 1, pages=STEPS)]
        if part == 0 and not request.context.permissions.administered:
            lines[1:1] = ["", texts.html("start-viewer")]
        return View(wording.joined(lines), self._steps(texts, part))

    @staticmethod
    def _steps(texts: Texts, part: int) -> InlineKeyboardMarkup | None:
        row: Row = []
        if part > 0:
            row.append(go(texts.text("button-previous"), "tour", part=part - 1))
        if part < STEPS - 1:
            row.append(go(texts.text("button-next"), "tour", part=part + 1))
        return keyboard([row, [go(texts.text("button-status"), "status"), go(texts.text("button-dry-run"), "dryrun")]])

    async def help(self, request: Request) -> Sequence[View]:
        texts, known = request.texts, {info.name: info for info in commands_for(request.context.permissions)}
        lines: list[Markup | str] = []
        for group, names in GROUPS.items():
            infos = [known[name] for name in names if name in known]
            if infos:
                lines += ["", texts.html(f"help-group-{group}"), *(help_line(texts, info) for info in infos)]
        return [View(wording.joined(lines[1:]))]

    # Language ---------------------------------------------------------------------------------

    async def language(self, request: Request) -> Sequence[View]:
        """Alone with the bot it is one's own; in a group the group's, which takes somebody who decides there."""
        wanted = request.args.lower()
        if not wanted:
            return [self._language_view(request.texts, await self._languages.chosen(request.context.chat_id))]
        if wanted not in (*LANGUAGES, AUTO):
            return [View(request.texts.html("language-usage", text=request.args, known=", ".join((*LANGUAGES, AUTO))))]
        return [await self._choose(request, wanted)]

    async def choose_language(self, request: Request) -> ActionResult:
        if request.extra not in (*LANGUAGES, AUTO):
            return ActionResult(request.own.text("popup-old"))
        return ActionResult(view=await self._choose(request, request.extra))

    async def _choose(self, request: Request, wanted: str) -> View:
        context = request.context
        if not context.private:
            self.need_global_admin(request)
        language = None if wanted == AUTO else wanted
        await self._languages.choose(context.chat_id, language, context.actor, self.service.clock())
        texts = await self._words_now(request)
        return self._language_view(texts, language)

    async def _words_now(self, request: Request) -> Texts:
        chosen = await self._languages.chosen(request.context.chat_id)
        if chosen is None and request.context.private:
            return request.context.spoken
        return await self._languages.of_chat(request.context.chat_id, request.context.permissions.visible[0].language)

    @staticmethod
    def _language_view(texts: Texts, chosen: str | None) -> View:
        names = {"en": "English", "ru": "Русский", AUTO: texts.text("language-auto")}
        row = [
            do(("• " if key == (chosen or AUTO) else "") + name, "language", extra=key) for key, name in names.items()
        ]
        return View(texts.html("language-now", language=chosen or AUTO), keyboard([row]))

    # What nobody knows ------------------------------------------------------------------------

    async def unknown(self, request: Request) -> Sequence[View]:
        """The nearest command, or the commands at all. Words that are no command: perhaps a node or a VM."""
        if not request.args.startswith("/"):
            return await self._named(request)
        names = {f"/{info.name}": info for info in COMMANDS if info.open_to(request.context.permissions)}
        near = difflib.get_close_matches(request.args.lower(), names, n=3, cutoff=NEAR)
        line = request.texts.html("unknown-command", command=request.args)
        if near:
            return [View(wording.joined([line, request.texts.html("unknown-near", commands=", ".join(near))]))]
        [helped] = await self.help(request)
        return [View(wording.joined([line, "", helped.text]))]


def help_line(texts: Texts, info: CommandInfo) -> Markup:
    """A command with its arguments and what it does."""
    text = texts.text(f"menu-{info.name}")
    key = "help-line" if info.arguments else "help-line-plain"
    return texts.html(key, command=info.name, arguments=_arguments(texts, info), text=text)


def _arguments(texts: Texts, info: CommandInfo) -> str:
    """The arguments of a command, with the names of what they stand for in the reader's language."""
    parts = re.split(r"(\w+)", info.arguments)
    return "".join(_argument(texts, part.lower()) if part.lower() in ARGUMENTS else part for part in parts)


def _argument(texts: Texts, word: str) -> str:
    return texts.text(f"argument-{word}")
