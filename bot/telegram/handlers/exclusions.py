"""Taking nodes out and in again: by command, by buttons, also without a name to type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from balancer.model import Node
from bot.config.field_types import LONGEST_S
from bot.domain.exclusions import ExclusionRole
from bot.domain.times import parse_duration
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Outdated, Page, Request
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.views import wording
from bot.telegram.views.exclusions import exclusions_view
from bot.telegram.views.nodes import node_rows
from bot.telegram.views.view import View

INCLUDED_AT_ONCE = 8
ROLES = (ExclusionRole.BOTH, ExclusionRole.TARGET, ExclusionRole.SOURCE)
LENGTHS = (timedelta(hours=2), timedelta(days=1), None)
"""What the picker offers; ``None`` = until somebody ends it."""


class Exclusions(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"exclude": self.exclude, "include": self.include, "exclusions": self.exclusions}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {
            "exclude": self.pick,
            "exclude-how": self.how,
            "exclude-for": self.how_long,
            "exclusions": self.exclusions_page,
        }

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"exclude": self.exclude_chosen, "include": self.include_chosen}

    # Out --------------------------------------------------------------------------------------

    async def exclude(self, request: Request) -> Sequence[View]:
        name, role, length = _exclusion_arguments(request.args)
        if not name:
            return [await self.pick(request)]
        nodes = await self.nodes_called(request, name)
        if len(nodes) > 1:
            how = _how(role, length)
            rows = [[do(self.labelled(n), "exclude", n.id, extra=how)] for n in nodes]
            return [View(request.texts.html("exclude-choose", name=name), keyboard(rows))]
        return [await self._exclude(request, nodes[0], role, length)]

    async def pick(self, request: Request) -> View:
        """The nodes to choose from, worst first, with a page for each of them."""
        plans = [p for p in await self.plans(request) if self.may_decide(request, p.cluster_id)]
        rows = node_rows(request.texts, plans, "exclude", request.part, "exclude-how")
        return View(request.texts.html("exclude-pick"), keyboard(rows))

    async def how(self, request: Request) -> View:
        """The first step: what the node should not do."""
        node, texts = await self.node(request, request.key), request.texts
        self.need_decider(request, node.cluster_id)
        rows: list[Row] = [
            [go(texts.text(f"row-exclude-{role.value}"), "exclude-for", node.id, extra=role.value)] for role in ROLES
        ]
        rows.append([go(texts.text("button-back"), "exclude"), go(texts.text("button-node"), "node", node.id)])
        return View(texts.html("exclude-how", node=node.name), keyboard(rows))

    async def how_long(self, request: Request) -> View:
        """The second step: for how long; ``extra``: the role."""
        node, texts = await self.node(request, request.key), request.texts
        self.need_decider(request, node.cluster_id)
        role, _ = _read_how(f"{request.extra}-0")
        lengths = [
            do(_length_words(request, length), "exclude", node.id, extra=_how(role, length)) for length in LENGTHS
        ]
        title = texts.html("exclude-for", node=node.name, role=wording.role(texts, role))
        return View(title, keyboard([lengths, [go(texts.text("button-back"), "exclude-how", node.id)]]))

    async def exclude_chosen(self, request: Request) -> ActionResult:
        node = await self.node(request, request.key)
        role, length = _read_how(request.extra)
        return ActionResult(view=await self._exclude(request, node, role, length))

    async def _exclude(self, request: Request, node: Node, role: ExclusionRole, length: timedelta | None) -> View:
        self.need_decider(request, node.cluster_id)
        exclusion = await self.service.admin.exclude(node, role, length, request.context.actor)
        texts = request.texts
        until = wording.until(texts, exclusion.until, self.service.clock())
        words = texts.html("exclude-done", node=node.name, role=wording.role(texts, role), until=until)
        rows = [[do(texts.text("button-include"), "include", node.id), go(texts.text("button-node"), "node", node.id)]]
        return View(words, keyboard(rows))

    # In again ---------------------------------------------------------------------------------

    async def include(self, request: Request) -> Sequence[View]:
        if not request.args:
            return [await self.exclusions_page(request)]
        nodes = await self.nodes_called(request, request.args)
        if len(nodes) > 1:
            rows = [[do(self.labelled(n), "include", n.id)] for n in nodes]
            return [View(request.texts.html("exclude-choose", name=request.args), keyboard(rows))]
        return [await self._include(request, nodes[0])]

    async def include_chosen(self, request: Request) -> ActionResult:
        return ActionResult(view=await self._include(request, await self.node(request, request.key)))

    async def _include(self, request: Request, node: Node) -> View:
        self.need_decider(request, node.cluster_id)
        ended = await self.service.admin.include(node, request.context.actor)
        words = request.texts.html("include-done" if ended else "include-none", node=node.name)
        return View(words, keyboard([[go(request.texts.text("button-node"), "node", node.id)]]))

    async def exclusions(self, request: Request) -> Sequence[View]:
        return [await self.exclusions_page(request)]

    def _of_settings(self, request: Request, nodes: Sequence[Node]) -> tuple[list[str], list[str]]:
        """Sources and targets that the settings exclude; of somebody who sees some clusters only, their nodes."""
        settings = self.service.settings
        sources, targets = list(settings.exclude_source_nodes), list(settings.exclude_target_nodes)
        if self.sees_everything(request):
            return sources, targets
        shown = {n.name.casefold() for n in nodes if self.sees(request, n.cluster_id)}
        return [n for n in sources if n.casefold() in shown], [n for n in targets if n.casefold() in shown]

    async def exclusions_page(self, request: Request) -> View:
        """Which nodes are out, each with a button that takes it in again."""
        texts = request.texts
        nodes = (await self.service.observer.observe(None)).nodes
        clusters = {n.id: n.cluster_id for n in nodes}
        known = await self.queries(request).exclusions()
        sources, targets = self._of_settings(request, nodes)
        view = exclusions_view(texts, known, sources, targets, self.service.clock())
        rows: list[Row] = [
            [do(texts.text("row-include", node=wording.short(e.node_name)), "include", e.node_id)]
            for e in known[:INCLUDED_AT_ONCE]
            if self.may_decide(request, clusters.get(e.node_id, 0))
        ]
        if request.context.permissions.administered:
            rows.append([go(texts.text("button-exclude"), "exclude")])
        return View(view.text, keyboard(rows))


def _length_words(request: Request, length: timedelta | None) -> str:
    return request.texts.text("length-open") if length is None else wording.duration(request.texts, length)


def _how(role: ExclusionRole, length: timedelta | None) -> str:
    """What a button carries of an exclusion."""
    return f"{role.value}-{0 if length is None else int(length.total_seconds())}"


def _read_how(extra: str) -> tuple[ExclusionRole, timedelta | None]:
    """
    Raises:
        Outdated: no button of ours says so.
    """
    role, _, seconds = extra.partition("-")
    if role not in (r.value for r in ExclusionRole) or not seconds.isdecimal() or int(seconds) > LONGEST_S:
        raise Outdated
    return ExclusionRole(role), timedelta(seconds=int(seconds)) if int(seconds) else None


def _exclusion_arguments(args: str) -> tuple[str, ExclusionRole, timedelta | None]:
    """Node, role and length. A node's name may hold blanks, so the rest is read from the end."""
    words = args.split()
    role, length = ExclusionRole.BOTH, None
    has_role = has_length = False
    while len(words) > 1:
        last = words[-1].lower()
        if not has_role and last in (r.value for r in ExclusionRole):
            role, has_role = ExclusionRole(last), True
        elif not has_length and (parsed := parse_duration(last)) is not None:
            length, has_length = parsed, True
        else:
            break
        words.pop()
    return " ".join(words), role, length
