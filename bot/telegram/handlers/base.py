"""The parts of a feature of the chat: requests in, views out, for commands, buttons and plain words alike.

A feature names its commands, its pages (a button opens one in place) and its deeds (a button does something).
``commands`` says who may use a command; a page or an action checks permissions itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from balancer.model import VM, Cluster, Move, Node, Plan
from bot.domain.proposals import DecisionResult, ProposedMove, Verdict
from bot.rendering.catalog import Texts
from bot.rendering.phrases import POPUP_LIMIT
from bot.service.queries import Queries
from bot.service.requests import ROOM_LOST, RequestResult
from bot.service.service import Service
from bot.service.values import Risk, Status
from bot.telegram.confirmations import WITHIN, Confirmations
from bot.telegram.keyboards.buttons import go, keyboard
from bot.telegram.middlewares.access import RequestContext
from bot.telegram.notifier import TelegramNotifier
from bot.telegram.views import wording
from bot.telegram.views.view import View

T = TypeVar("T")
MOST_NAMESAKES = 8
FRESH = timedelta(seconds=60)
"""How old what is shown may be; the age is shown where it matters."""


async def _no_first_answer(_view: View) -> None:
    """For requests without a chat to write to."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command with its arguments, or a button with what it carries.

    ``button``: the message and button pressed, as one text. ``message_id``: that message, 0 for a command.
    ``has_button``: Telegram confirms that the message has this button. ``tell`` sends a first answer at once.
    """

    context: RequestContext
    args: str = ""
    key: int = 0
    part: int = 0
    extra: str = ""
    button: str = ""
    message_id: int = 0
    has_button: bool = False
    tell: Callable[[View], Awaitable[None]] = _no_first_answer

    @property
    def texts(self) -> Texts:
        """For what is shown in the chat."""
        return self.context.texts

    @property
    def own(self) -> Texts:
        """For what only this person sees."""
        return self.context.own

    def about(self, key: int = 0, part: int = 0, extra: str = "") -> Request:
        """The same person's question about something else."""
        return replace(self, args="", key=key, part=part, extra=extra)


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What came of a press: a popup of plain text, the page that the message shows from now on, a message below it.

    ``aside``: what only the person who pressed needs, in place of the message. ``close``: the message has served its
    turn and goes.
    """

    popup: str = ""
    view: View | None = None
    say: View | None = None
    aside: View | None = None
    alert: bool = False
    close: bool = False


class NotForYou(Exception):
    """Whoever asks may look, but not do this. ``dry_run``: nobody may, it is a dry run."""

    def __init__(self, *, dry_run: bool = False) -> None:
        super().__init__()
        self.dry_run = dry_run


class Outdated(Exception):
    """The button speaks of something that is no longer there."""


Answer = Callable[[Request], Awaitable[Sequence[View]]]
Page = Callable[[Request], Awaitable[View]]
Action = Callable[[Request], Awaitable[ActionResult]]


class Feature:
    """The base of all features: how they read the service. Has no state."""

    def __init__(self, service: Service, notifier: TelegramNotifier, confirmations: Confirmations) -> None:
        self.service = service
        self.notifier = notifier
        self.confirmations = confirmations

    @property
    def commands(self) -> Mapping[str, Answer]:
        return {}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {}

    @property
    def actions(self) -> Mapping[str, Action]:
        """What buttons do, by name. A press counts only if Telegram confirms that the message has the button."""
        return {}

    @property
    def message_actions(self) -> Mapping[str, Action]:
        """Actions that check by themselves which message was pressed. An edit may have taken the button meanwhile."""
        return {}

    # Who may ----------------------------------------------------------------------------------

    def sees(self, request: Request, cluster_id: int) -> bool:
        return request.context.permissions.sees(cluster_id, self.service.observer.cluster_name(cluster_id))

    def may_decide(self, request: Request, cluster_id: int) -> bool:
        return request.context.permissions.decides_on(cluster_id, self.service.observer.cluster_name(cluster_id))

    def need_decider(self, request: Request, cluster_id: int, cluster_name: str | None = None) -> None:
        """
        Args:
            cluster_name: as stored with a proposal; ``None`` = as last seen.
        Raises:
            NotForYou: this person does not decide on the cluster.
        """
        name = self.service.observer.cluster_name(cluster_id) if cluster_name is None else cluster_name
        if not request.context.permissions.decides_on(cluster_id, name):
            raise NotForYou

    @staticmethod
    def need_global_admin(request: Request) -> None:
        """
        Raises:
            NotForYou: what holds for every cluster is not this person's to change.
        """
        if not request.context.permissions.global_admin:
            raise NotForYou

    @staticmethod
    def sees_everything(request: Request) -> bool:
        return any(chat.clusters is None for chat in request.context.permissions.visible)

    def confirmed(self, request: Request, *subjects: Hashable) -> bool:
        """Whether this press answers the question "really?" about them all; else it counts as asked now."""
        return self.confirmations.confirmed(request.context.user_id, request.button, subjects)

    async def requested(
        self, request: Request, subject: int, make: Callable[[Collection[Risk]], Awaitable[RequestResult]]
    ) -> RequestResult:
        """Makes a request. A second press confirms the risks that the question of the first press named, no others.

        Args:
            make: takes the risks that the person has confirmed.
        """
        result = await make(())
        if result.risks and self.confirmed(request, *((subject, risk) for risk in result.risks)):
            return await make(result.risks)
        return result

    async def approve_moves(
        self, request: Request, moves: Sequence[ProposedMove], not_before: datetime | None = None
    ) -> tuple[DecisionResult, ...]:
        """Approves moves for the person who pressed; large moves count as confirmed from the second press on."""
        ids, decide = [m.id for m in moves], self.service.decisions.decide
        results = await decide(ids, Verdict.APPROVE, request.context.actor, not_before=not_before)
        large = [r.move.id for r in results if r.needs_confirmation]
        if large and self.confirmed(request, *large):
            return await decide(ids, Verdict.APPROVE, request.context.actor, confirmed=large, not_before=not_before)
        return results

    def aged(self, request: Request, view: View) -> View:
        """The view, with the age of its data where the panel did not answer in time."""
        last, now = self.service.observer.last, self.service.clock()
        if last is None or now - last.taken_at <= FRESH:
            return view
        line = request.texts.html("status-age", duration=wording.duration(request.texts, now - last.taken_at))
        return replace(view, text=wording.joined([view.text, line]))

    def which_node(self, request: Request, name: str, nodes: Sequence[Node], page: str) -> View:
        """Several nodes have this name: a button to the page of each."""
        rows = [[go(self.labelled(node), page, node.id)] for node in nodes[:MOST_NAMESAKES]]
        return View(request.texts.html("exclude-choose", name=name), keyboard(rows))

    def labelled(self, node: Node) -> str:
        """A node among others of its name."""
        cluster = self.service.observer.cluster_name(node.cluster_id)
        return f"{wording.short(f'{node.name} · {cluster}')} (ID {node.id})"

    # What they may see ------------------------------------------------------------------------

    def queries(self, request: Request) -> Queries:
        """The service's questions, about the clusters that this person sees and no others."""
        every = self.sees_everything(request)
        return self.service.queries if every else self.service.queries.seen_by(request.context.permissions.sees)

    def clusters_seen(self, request: Request) -> list[Cluster]:
        """The service's, those that this person sees."""
        return [c for c in self.service.observer.clusters_seen() if request.context.permissions.sees(c.id, c.name)]

    async def clusters(self, request: Request) -> list[Cluster]:
        """As ``clusters_seen``; the panel is asked where it has not answered yet.

        Raises:
            PanelError: it does not answer now either.
        """
        if not self.service.observer.clusters_seen():
            await self.service.observer.observe_soon(FRESH)
        return self.clusters_seen(request)

    async def plans(
        self,
        request: Request,
        cluster: str | None = None,
        max_age: timedelta | None = FRESH,
        strategy: str | None = None,
        *,
        compare: bool = False,
    ) -> tuple[Plan, ...]:
        """As the service's, of the clusters that this person sees.

        Raises:
            NotFound: as the service's, also of a cluster that is none of theirs.
        """
        return await self.queries(request).plans(cluster, max_age, strategy, compare=compare)

    async def status(self, request: Request, cluster: str | None = None) -> Status:
        """As the service's, of what this person sees.

        Raises:
            NotFound: as ``plans``.
        """
        return await self.queries(request).status(cluster)

    async def nodes_called(self, request: Request, name: str) -> list[Node]:
        """The nodes of this name or id that this person sees.

        Raises:
            NotFound: none.
        """
        return await self.queries(request).find_nodes(name)

    async def vms_called(self, request: Request, name: str) -> list[VM]:
        """As ``nodes_called``, of VMs."""
        return await self.queries(request).find_vms(name)

    async def node(self, request: Request, node_id: int) -> Node:
        """The node of a button.

        Raises:
            Outdated: it has gone, or was never this person's to see.
        """
        snapshot = await self.service.observer.observe_soon(FRESH)
        return self._visible(request, next((n for n in snapshot.nodes if n.id == node_id), None))

    async def vm(self, request: Request, vm_id: int) -> VM:
        """As ``node``, of a VM."""
        snapshot = await self.service.observer.observe_soon(FRESH)
        return self._visible(request, next((v for v in snapshot.vms if v.id == vm_id), None))

    def _visible(self, request: Request, thing: T | None) -> T:
        if not isinstance(thing, Node | VM) or not self.sees(request, thing.cluster_id):
            raise Outdated
        return thing


def after_request(request: Request, result: RequestResult) -> ActionResult:
    """What came of a request that is an approval at the same time.

    Raises:
        Outdated: there is neither a move nor a reason.
    """
    texts, plan = request.own, result.plan
    if result.refusal is not None:
        words = texts.text("popup-refused", reason=texts.reason(result.refusal.reason))
        return ActionResult(words[:POPUP_LIMIT], alert=True)
    if plan is None or not plan.moves:
        raise Outdated
    move = plan.moves[0]
    vm, target = wording.short(move.vm_name), wording.short(move.target_name)
    if result.needs_confirmation:
        return ActionResult(_question(texts, plan, result.risks), alert=True)
    if result.result is not None and result.result.again:
        return ActionResult(texts.text("popup-same-person"), alert=True)
    if result.result is not None and result.result.noted:
        return ActionResult(texts.text("popup-noted", vm=vm, target=target))
    return ActionResult(texts.text("popup-moving", vm=vm, target=target))


def _question(texts: Texts, plan: Plan, risks: Collection[Risk]) -> str:
    """What is to be confirmed by a second press, each risk by its name; plain text that fits a popup."""
    lost = next((c.as_dict()["node"] for c in plan.cautions if c.code == ROOM_LOST and Risk.ROOM in risks), None)
    room = [] if lost is None else [texts.text("popup-room-lost", node=wording.short(str(lost)))]
    words = _move_question(texts, plan.moves[0], risks)
    return " ".join([words, *room])[:POPUP_LIMIT]


def _move_question(texts: Texts, move: Move, risks: Collection[Risk]) -> str:
    vm, seconds = wording.short(move.vm_name), round(WITHIN.total_seconds())
    gib, node, after = move.memory_mib / 1024, wording.short(move.target_name), move.target_after
    if Risk.OVERLOAD not in risks:
        return texts.text("popup-confirm", vm=vm, gib=gib, seconds=seconds)
    cpu, memory = after.cpu_ratio, after.memory_percent
    if Risk.LARGE in risks:
        return texts.text("popup-confirm-overloads", vm=vm, gib=gib, node=node, cpu=cpu, memory=memory, seconds=seconds)
    return texts.text("popup-overloads", vm=vm, node=node, cpu=cpu, memory=memory, seconds=seconds)
