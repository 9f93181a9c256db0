"""The settings: which may change while the program runs, as a menu; what all of them are, as a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from markupsafe import Markup

from balancer.policy import STRATEGIES
from bot.config.settings import Settings, env_name, masked
from bot.domain.modes import MODES
from bot.errors import UnconfirmedMode
from bot.rendering.catalog import Texts
from bot.service.admin import Changeable
from bot.service.runtime_settings import KEYS
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Outdated, Page, Request
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.views import wording
from bot.telegram.views.modes import mode_question
from bot.telegram.views.settings import settings_view
from bot.telegram.views.view import View

RESET = "reset"
FIELDS = tuple(KEYS)
CHOICES: Mapping[str, Sequence[str]] = {
    "balance_mode": MODES,
    "balance_strategy": STRATEGIES,
    "balance_interval": ("300", "600", "900", "1800", "3600"),
    "max_migrations_per_cycle": ("1", "2", "3", "5", "10"),
    "max_parallel_migrations": ("1", "2", "3", "4"),
}
STEPS: Mapping[str, Sequence[float]] = {
    "cpu_overload_threshold": (-1, -0.5, 0.5, 1),
    "memory_overload_threshold": (-10, -5, 5, 10),
    "cpu_target_threshold": (-1, -0.5, 0.5, 1),
    "memory_target_threshold": (-10, -5, 5, 10),
}
"""For the others: how far from the present value the buttons go."""
BUTTONS_IN_A_ROW = 3


class SettingsMenu(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"settings": self.command}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"settings": self.menu, "setting": self.setting, "settings-all": self.every}

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"set": self.set_chosen, "reset": self.reset}

    async def command(self, request: Request) -> Sequence[View]:
        """Without arguments the menu; ``NAME VALUE`` sets any value, ``NAME reset`` goes back to the file's."""
        name, _, value = request.args.partition(" ")
        if not name:
            return [await self.menu(request)]
        if value:
            self.need_global_admin(request)
            try:
                await self._change(request, name, value.strip().removeprefix("=").strip())
            except UnconfirmedMode as error:
                return [mode_question(request.texts, error.mode)]
        matches = [i for i, field in enumerate(FIELDS) if env_name(field) == name.upper()]
        return [await self.setting(request.about(matches[0])) if matches else await self.every(request)]

    async def _change(self, request: Request, name: str, value: str) -> None:
        if value.lower() == RESET:
            await self.service.admin.reset_value(name, request.context.actor)
        else:
            await self.service.admin.set_value(name, value, request.context.actor)

    async def menu(self, request: Request) -> View:
        """A button for each; those that people changed stand first, with who it was and what the file says."""
        texts = request.texts
        every = list(enumerate(zip(FIELDS, await self.service.admin.changeable(), strict=True)))
        every.sort(key=lambda entry: entry[1][1].stored is None)
        lines: list[Markup | str] = [texts.html("settings-menu")]
        rows: list[Row] = []
        for i, (field, one) in every:
            label = texts.text(f"setting-{field}")
            rows.append([go(texts.text("row-setting", label=label, value=_short(texts, one)), "setting", i)])
            if one.stored is not None:
                configured, who = _worded(texts, one, one.configured), one.stored.by.name
                value = _value(texts, one)
                lines.append(texts.html("settings-changed", label=label, value=value, configured=configured, who=who))
        rows.append([go(texts.text("button-all"), "settings-all"), go(texts.text("button-status"), "status")])
        return View(wording.joined(lines), keyboard(rows))

    async def setting(self, request: Request) -> View:
        """One of them: what holds, who changed it, and for those who may, buttons with other values."""
        if request.key >= len(FIELDS):
            raise Outdated
        field, texts = FIELDS[request.key], request.texts
        one = (await self.service.admin.changeable())[request.key]
        own = self.queries(request).own_values(field)
        lines: list[Markup | str] = [
            texts.html("setting-title", label=texts.text(f"setting-{field}"), name=one.name, value=_value(texts, one)),
            texts.html(f"setting-about-{field}"),
        ]
        if one.stored is not None:
            time = wording.moment(texts, one.stored.at, self.service.clock())
            who = one.stored.by.name
            lines.append(texts.html("setting-by", who=who, time=time, configured=_worded(texts, one, one.configured)))
        lines += [texts.html("setting-of-cluster", cluster=c, value=v) for c, v in own.items()]
        back: Row = [go(texts.text("button-back"), "settings")]
        if not request.context.permissions.global_admin:
            return View(wording.joined(lines), keyboard([back]))
        lines += ["", texts.html("setting-other", name=one.name)]
        values = [
            do(("• " if v == one.value else "") + _worded(texts, one, v), "set", request.key, extra=v)
            for v in offered(field, one.value)
        ]
        rows = [values[i : i + BUTTONS_IN_A_ROW] for i in range(0, len(values), BUTTONS_IN_A_ROW)]
        if one.stored is not None:
            back.append(do(texts.text("button-reset"), "reset", request.key))
        return View(wording.joined(lines), keyboard([*rows, back]))

    async def set_chosen(self, request: Request) -> ActionResult:
        self.need_global_admin(request)
        if request.key >= len(FIELDS):
            raise Outdated
        try:
            value = await self.service.admin.set_value(FIELDS[request.key], request.extra, request.context.actor)
        except UnconfirmedMode as error:
            return ActionResult(say=mode_question(request.texts, error.mode))
        return ActionResult(
            request.own.text("popup-set", name=env_name(FIELDS[request.key]), value=value), await self.setting(request)
        )

    async def reset(self, request: Request) -> ActionResult:
        self.need_global_admin(request)
        if request.key >= len(FIELDS):
            raise Outdated
        try:
            await self.service.admin.reset_value(FIELDS[request.key], request.context.actor)
        except UnconfirmedMode as error:
            return ActionResult(say=mode_question(request.texts, error.mode))
        return ActionResult(
            request.own.text("popup-reset", name=env_name(FIELDS[request.key])), await self.setting(request)
        )

    async def every(self, request: Request) -> View:
        """All of them, secrets masked; names of nodes, clusters and chats only for those who see every cluster."""
        stored = await self.service.admin.stored_settings()
        held = masked(await self.service.runtime.current())
        if not self.sees_everything(request):
            held = {name: value for name, value in held.items() if name not in NAMES_OTHERS}
        measured = self.queries(request).measured()
        view = settings_view(request.texts, held, masked(Settings()), stored, measured)
        return View(view.text, keyboard([[go(request.texts.text("button-back"), "settings")]]))


NAMES_OTHERS = frozenset(
    env_name(field)
    for field in ("cluster_ids", "exclude_source_nodes", "exclude_target_nodes", "ssh_hosts_mapping", "chats_file")
)
"""Settings whose values can name nodes, clusters and chats of other people."""


def offered(field: str, current: str) -> list[str]:
    """The values that buttons offer; the present one is among them."""
    if field in CHOICES:
        known = CHOICES[field]
        if current in known or not current.isdecimal():
            return list(known)
        return sorted([*known, current], key=int)
    now = float(current)
    return [f"{v:g}" for v in (now + step for step in STEPS[field]) if v > 0]


def _worded(texts: Texts, one: Changeable, value: str) -> str:
    """A value as people say it."""
    if one.name == env_name("balance_interval"):
        return wording.duration(texts, timedelta(seconds=float(value)))
    if one.name == env_name("balance_mode"):
        return texts.text("mode-short", mode=value)
    try:
        figure = float(value)
    except ValueError:
        return value
    return texts.text("setting-percent" if "MEMORY" in one.name else "setting-number", value=figure)


def _value(texts: Texts, one: Changeable) -> str:
    return _worded(texts, one, one.value)


def _short(texts: Texts, one: Changeable) -> str:
    """With a mark where it is not what the file says."""
    return f"{_value(texts, one)}{' ✎' if one.stored is not None else ''}"
