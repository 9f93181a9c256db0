"""The commands: each reads its arguments, asks the service, and answers with a view."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

from balancer.model import Node
from balancer.policy import STRATEGIES
from bot.config import masked
from bot.durations import parse_duration
from bot.errors import BalancerError, NotFound
from bot.proposals import ExclusionRole
from bot.service import MODES, Service
from bot.telegram import pages, wording
from bot.telegram.access import Role, actor_of
from bot.telegram.callbacks import ExcludeButton, IncludeButton, NodesButton, StrategyButton
from bot.telegram.menu import COMMANDS, CommandInfo, commands_for
from bot.telegram.notifier import TelegramNotifier
from bot.telegram.strategies import comparison_view, strategy_view
from bot.telegram.views import View, plan_view
from bot.texts import Texts

HISTORY_DEFAULT, HISTORY_MOST = 10, 50
LOOKING_TOO = ("mode", "strategy")
"""Commands for admins that everybody may use without an argument: to look."""
NextCheck = Callable[[], datetime | None]
Answer = Awaitable[list[View]]


class Commands:
    """One method a command: arguments in, messages out. Buttons that answer a question are here too."""

    def __init__(self, service: Service, notifier: TelegramNotifier, texts: Texts, next_check: NextCheck) -> None:
        self._service = service
        self._notifier = notifier
        self._texts = texts
        self._next_check = next_check

    def router(self) -> Router:
        router = Router(name="commands")
        for info in COMMANDS:
            router.message.register(self._handler(info), Command(info.name, ignore_case=True))
        router.message.register(self._unknown, Command(re.compile(r".+")))
        router.callback_query.register(self._nodes_page, NodesButton.filter())
        router.callback_query.register(self._exclude_chosen, ExcludeButton.filter())
        router.callback_query.register(self._include_chosen, IncludeButton.filter())
        router.callback_query.register(self._strategy_chosen, StrategyButton.filter(F.proposal_id == 0))
        router.callback_query.register(self._no_button)
        return router

    def _handler(self, info: CommandInfo) -> Callable[..., Awaitable[None]]:
        work: Callable[..., Answer] = getattr(self, info.name)

        async def handle(message: Message, command: CommandObject, role: Role) -> None:
            if info.admin and role is not Role.ADMIN and not (info.name in LOOKING_TOO and not command.args):
                await self._reply(message, View(self._texts.html("only-admins")))
                return
            try:
                views = await work(message, (command.args or "").strip(), role)
            except NotFound as error:
                views = [self._not_found(error)]
            except BalancerError as error:
                views = [View(self._texts.html("problem", problem=str(error)))]
            for view in views:
                await self._reply(message, view)

        return handle

    @staticmethod
    async def _reply(message: Message, view: View) -> None:
        await message.answer(str(view.text), reply_markup=view.keyboard)

    def _not_found(self, error: NotFound) -> View:
        lines = [self._texts.html(f"not-found-{error.what}", name=error.name)]
        if error.near:
            lines.append(self._texts.html("not-found-near", names=", ".join(error.near)))
        return View(wording.joined(lines))

    def _say(self, key: str, **args: object) -> list[View]:
        return [View(self._texts.html(key, **args))]

    # Looking ----------------------------------------------------------------------------------

    async def start(self, _message: Message, _args: str, role: Role) -> list[View]:
        lines = [self._texts.html("start-text")]
        if role is Role.VIEWER:
            lines.append(self._texts.html("start-viewer"))
        return [View(wording.joined(lines))]

    async def help(self, _message: Message, _args: str, role: Role) -> list[View]:
        lines = [self._texts.html("help-title")]
        for info in commands_for(role):
            text = self._texts.text(f"menu-{info.name}")
            key = "help-line" if info.arguments else "help-line-plain"
            lines.append(self._texts.html(key, command=info.name, arguments=info.arguments, text=text))
        return [View(wording.joined(lines))]

    async def status(self, _message: Message, args: str, _role: Role) -> list[View]:
        status = await self._service.status(args or None)
        now, dry = self._service.clock(), self._service.settings.dry_run
        return [pages.status_view(self._texts, status, now, self._next_check(), dry)]

    async def nodes(self, _message: Message, args: str, _role: Role) -> list[View]:
        plans = await self._service.plans(args or None, timedelta(seconds=60))
        return [pages.nodes_view(self._texts, plan) for plan in plans] or self._say("no-clusters")

    async def node(self, _message: Message, args: str, _role: Role) -> list[View]:
        if not args:
            return await self.nodes(_message, "", _role)
        exclusions, now = await self._service.exclusions(), self._service.clock()
        views = []
        for found in await self._service.find_nodes(args):
            node, plan, vms = await self._service.node_details(found)
            views.append(pages.node_view(self._texts, node, plan, vms, exclusions, now))
        return views

    async def dryrun(self, _message: Message, args: str, _role: Role) -> list[View]:
        cluster, strategy = _dryrun_arguments(args)
        plans = await self._service.plans(cluster, outlook=True)
        if strategy is None:
            return [plan_view(self._texts, plan) for plan in plans] or self._say("no-clusters")
        others = await self._service.plans(cluster, None, strategy, outlook=True)
        pairs = zip(plans, others, strict=True)
        return [comparison_view(self._texts, mine, other) for mine, other in pairs] or self._say("no-clusters")

    async def proposals(self, message: Message, _args: str, _role: Role) -> list[View]:
        waiting = await self._service.waiting()
        if not waiting:
            return self._say("proposals-none")
        now = self._service.clock()
        lines = []
        for proposal in waiting:
            time = wording.moment(proposal.expires_at, now)
            count = len(proposal.pending)
            lines.append(self._texts.html("proposals-line", cluster=proposal.plan.cluster_name, count=count, time=time))
        if message.chat.id == self._notifier.chat_id:
            await self._reply(message, View(wording.joined([*lines, self._texts.html("proposals-again")])))
            for proposal in waiting:
                await self._notifier.repost(proposal.id)
            return []
        return [View(wording.joined(lines))]

    async def history(self, _message: Message, args: str, _role: Role) -> list[View]:
        if args and not (args.isdecimal() and 1 <= int(args) <= HISTORY_MOST):
            return self._say("number-bad", text=args, most=HISTORY_MOST)
        moves = await self._service.history(int(args) if args else HISTORY_DEFAULT)
        return [pages.history_view(self._texts, moves, self._service.clock())]

    async def exclusions(self, _message: Message, _args: str, _role: Role) -> list[View]:
        settings = self._service.settings
        sources, targets = settings.exclude_source_nodes, settings.exclude_target_nodes
        stored = await self._service.exclusions()
        return [pages.exclusions_view(self._texts, stored, sources, targets, self._service.clock())]

    async def settings(self, _message: Message, _args: str, _role: Role) -> list[View]:
        stored = await self._service.stored_settings()
        measured = self._service.measured()
        return [pages.settings_view(self._texts, masked(self._service.settings), stored, measured)]

    # Changing ---------------------------------------------------------------------------------

    async def balance(self, message: Message, _args: str, _role: Role) -> list[View]:
        if self._service.settings.dry_run:
            return await self.dryrun(message, "", _role)
        await self._reply(message, View(self._texts.html("balance-started")))
        report = await self._service.run_cycle()
        if report.outcome == "failed":
            return self._say("balance-failed", problem=report.problem or "")
        if report.outcome in ("busy", "paused"):
            return self._say(f"balance-{report.outcome}")
        lines = [self._texts.html("balance-done", proposed=len(report.proposed), clusters=len(report.results))]
        for result in report.results:
            if result.left_alone is not None:
                reason = self._texts.reason(result.left_alone)
                lines.append(self._texts.html("balance-left-alone", cluster=result.cluster.name, reason=reason))
        return [View(wording.joined(lines))]

    async def exclude(self, message: Message, args: str, _role: Role) -> list[View]:
        name, role, length = _exclusion_arguments(args)
        if not name:
            return self._say("exclude-usage")
        nodes = await self._service.find_nodes(name)
        if len(nodes) > 1:
            seconds = 0 if length is None else int(length.total_seconds())
            return [self._choose(name, nodes, lambda n: ExcludeButton(node_id=n.id, role=role, seconds=seconds))]
        return await self._exclude(message, nodes[0], role, length)

    async def _exclude(
        self, event: Message | CallbackQuery, node: Node, role: ExclusionRole, length: timedelta | None
    ) -> list[View]:
        if event.from_user is None:
            return []
        made = await self._service.exclude(node, role, length, actor_of(event.from_user))
        until = wording.until(self._texts, made.until, self._service.clock())
        return self._say("exclude-done", node=node.name, role=wording.role(self._texts, role), until=until)

    async def include(self, message: Message, args: str, _role: Role) -> list[View]:
        if not args:
            return self._say("include-usage")
        nodes = await self._service.find_nodes(args)
        if len(nodes) > 1:
            return [self._choose(args, nodes, lambda n: IncludeButton(node_id=n.id))]
        return await self._include(message, nodes[0])

    async def _include(self, event: Message | CallbackQuery, node: Node) -> list[View]:
        if event.from_user is None:
            return []
        ended = await self._service.include(node, actor_of(event.from_user))
        return self._say("include-done" if ended else "include-none", node=node.name)

    async def mode(self, message: Message, args: str, _role: Role) -> list[View]:
        wanted = args.lower()
        if wanted and wanted not in MODES:
            return self._say("mode-usage")
        if wanted == "auto" and self._service.settings.two_person_rule:
            return self._say("mode-two-persons")
        if wanted and message.from_user is not None:
            await self._service.set_mode(wanted, actor_of(message.from_user))
        stored = (await self._service.stored_settings()).get("BALANCE_MODE")
        mode = await self._service.mode()
        text = self._texts.text("mode-now", mode=mode)
        if stored is None or stored.value != mode:
            return self._plain(text)
        return [View(self._texts.html("mode-changed", text=text, who=stored.by.name))]

    async def strategy(self, message: Message, args: str, role: Role) -> list[View]:
        wanted = args.lower()
        if wanted and wanted not in STRATEGIES:
            return self._say("strategy-usage", text=args, known=", ".join(STRATEGIES))
        if wanted and message.from_user is not None:
            await self._service.set_strategy(wanted, actor_of(message.from_user))
        return [await self._strategy_now(role)]

    async def _strategy_now(self, role: Role) -> View:
        stored = (await self._service.stored_settings()).get("BALANCE_STRATEGY")
        own = self._service.own_strategies()
        admin = role is Role.ADMIN
        return strategy_view(self._texts, await self._service.strategy(), stored, own, admin)

    async def _strategy_chosen(self, query: CallbackQuery, callback_data: StrategyButton, role: Role) -> None:
        if role is not Role.ADMIN:
            await query.answer(self._texts.text("popup-viewer"))
        elif callback_data.strategy not in STRATEGIES:
            await query.answer(self._texts.text("popup-old"))
        else:
            await self._service.set_strategy(callback_data.strategy, actor_of(query.from_user))
            await query.answer(self._texts.text("popup-strategy", strategy=callback_data.strategy))
            await self._replace(query, await self._strategy_now(role))

    def _plain(self, text: str) -> list[View]:
        return [View(wording.joined([text]))]

    async def pause(self, message: Message, args: str, _role: Role) -> list[View]:
        length = parse_duration(args) if args else None
        if args and length is None:
            return self._say("duration-bad", text=args)
        if message.from_user is None:
            return []
        until = await self._service.pause(length, actor_of(message.from_user))
        return self._say("pause-done", until=wording.until(self._texts, until, self._service.clock()))

    async def resume(self, message: Message, _args: str, _role: Role) -> list[View]:
        if message.from_user is None:
            return []
        was = await self._service.resume(actor_of(message.from_user))
        return self._say("resume-done" if was else "resume-none")

    # Buttons and the rest ---------------------------------------------------------------------

    def _choose(self, name: str, nodes: list[Node], button: Callable[[Node], Any]) -> View:
        rows = [
            [InlineKeyboardButton(text=f"{node.name} (ID {node.id})", callback_data=button(node).pack())]
            for node in nodes
        ]
        return View(self._texts.html("exclude-choose", name=name), InlineKeyboardMarkup(inline_keyboard=rows))

    async def _nodes_page(self, query: CallbackQuery, callback_data: NodesButton) -> None:
        await query.answer()
        plans = await self._service.plans(str(callback_data.cluster_id), timedelta(seconds=60))
        await self._replace(query, pages.nodes_view(self._texts, plans[0], callback_data.page))

    async def _exclude_chosen(self, query: CallbackQuery, callback_data: ExcludeButton, role: Role) -> None:
        length = timedelta(seconds=callback_data.seconds) if callback_data.seconds else None
        which = callback_data.role
        await self._chosen(query, role, callback_data.node_id, lambda n: self._exclude(query, n, which, length))

    async def _include_chosen(self, query: CallbackQuery, callback_data: IncludeButton, role: Role) -> None:
        await self._chosen(query, role, callback_data.node_id, lambda n: self._include(query, n))

    async def _chosen(
        self, query: CallbackQuery, role: Role, node_id: int, act: Callable[[Node], Awaitable[list[View]]]
    ) -> None:
        if role is not Role.ADMIN:
            await query.answer(self._texts.text("popup-viewer"))
            return
        nodes = [n for n in (await self._service.observe(timedelta(seconds=60))).nodes if n.id == node_id]
        if not nodes:
            await query.answer(self._texts.text("popup-old"))
            return
        views = await act(nodes[0])
        await query.answer()
        await self._replace(query, views[0])

    async def _no_button(self, query: CallbackQuery) -> None:
        """What no button of ours carries, or none of this version: forged, or older than an update."""
        await query.answer(self._texts.text("popup-old"))

    @staticmethod
    async def _replace(query: CallbackQuery, view: View) -> None:
        if isinstance(query.message, Message):
            await query.message.edit_text(str(view.text), reply_markup=view.keyboard)

    async def _unknown(self, message: Message, command: CommandObject, role: Role) -> None:
        line = self._texts.html("unknown-command", command=f"/{command.command}")
        [helped] = await self.help(message, "", role)
        await self._reply(message, View(wording.joined([line, "", helped.text])))


def _dryrun_arguments(args: str) -> tuple[str | None, str | None]:
    """Cluster and strategy, either may be missing. A cluster's name may hold blanks, so the strategy stands last."""
    words = args.split()
    strategy = words.pop().lower() if words and words[-1].lower() in STRATEGIES else None
    return " ".join(words) or None, strategy


def _exclusion_arguments(args: str) -> tuple[str, ExclusionRole, timedelta | None]:
    """Node, role and length. A node's name may hold blanks, so the rest is read from the end."""
    words = args.split()
    role, length = ExclusionRole.BOTH, None
    seen_role = seen_length = False
    while len(words) > 1:
        last = words[-1].lower()
        if not seen_role and last in (r.value for r in ExclusionRole):
            role, seen_role = ExclusionRole(last), True
        elif not seen_length and (parsed := parse_duration(last)) is not None:
            length, seen_length = parsed, True
        else:
            break
        words.pop()
    return " ".join(words), role, length
