"""`/roll`: the plan for emptying the nodes of a cluster one after another, and the campaign that carries it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import escape

from balancer.requests.roll_plan import RollPlan
from bot.domain.campaigns import Campaign, NodeState, Press
from bot.domain.dates import NoSuchTime, When, split_when
from bot.domain.proposals import Verdict
from bot.rendering.campaigns import reason_words
from bot.rendering.phrases import POPUP_LIMIT, large_words
from bot.rendering.roll import roll_lines
from bot.service.campaigns import Draft
from bot.telegram.confirmations import WITHIN
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, NotForYou, Outdated, Request
from bot.telegram.handlers.replies import decided_words
from bot.telegram.keyboards.buttons import Row, keyboard
from bot.telegram.views import wording
from bot.telegram.views.campaigns import ALL, ASK, start_rows, when_line
from bot.telegram.views.view import View


class Campaigns(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"roll": self.command}

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"roll-start": self.start, "roll-moves": self.moves, "roll": self.press}

    # Plans --------------------------------------------------------------------------------------

    async def command(self, request: Request) -> Sequence[View]:
        """`/roll`, `/roll CLUSTER`, `/roll NODE,NODE`, each with a date behind it: `sat 02:00-06:00`."""
        texts = request.texts
        clusters = await self.clusters(request)
        if not clusters:
            return [View(texts.html("no-clusters"))]
        try:
            name, when = self.dated(request)
        except NoSuchTime as error:
            return [no_such_time(request, error)]
        if not name and len(clusters) > 1:
            return [View(texts.html("roll-several", name=clusters[0].name))]
        plan = await self.queries(request).roll_plan(name)
        return [self.planned(request, plan, when)]

    def dated(self, request: Request) -> tuple[str, When | None]:
        """The arguments before a date, and the date.

        Raises:
            NoSuchTime: the date cannot be meant.
        """
        service = self.service
        return split_when(request.args, service.wall(), service.settings.zone)

    def planned(self, request: Request, plan: RollPlan, when: When | None, *, maintenance: bool = False) -> View:
        """What it would come to, with the buttons that start it."""
        texts, now = request.texts, self.service.clock()
        lines = [escape(line) for line in roll_lines(texts, plan)]
        title = "maintenance-title" if maintenance else "roll-title"
        names = ", ".join(name for step in plan.steps for name in step.node_names)
        head = [texts.html(title, cluster=plan.cluster_name, node=names), texts.html("roll-note")]
        if when is not None:
            head.append(when_line(texts, when, now, maintenance=maintenance))
        if self.service.settings.roll_command:
            head.append(texts.html("roll-command-note"))
        rows: list[Row] = []
        if plan.steps and self.may_decide(request, plan.cluster_id) and not self.service.settings.dry_run:
            number = self.service.campaigns.draft_of(plan, when, maintenance=maintenance)
            rows = start_rows(texts, number, when, now, maintenance=maintenance)
        return self.aged(request, View(wording.fitted(head, lines, texts, more="table-more"), keyboard(rows)))

    async def start(self, request: Request) -> ActionResult:
        draft = self.service.campaigns.draft(request.key)
        if draft is None or request.extra not in (ASK, ALL):
            raise Outdated
        self._need(request, draft.cluster_id, draft.cluster_name)
        approve_all = request.extra == ALL
        if approve_all and not self.confirmed(request, ("roll-all", request.key)):
            return self._asks(request, "popup-roll-all", count=len(draft.nodes))
        return await self._started(request, draft, approve_all=approve_all)

    async def _started(self, request: Request, draft: Draft, *, approve_all: bool) -> ActionResult:
        actor = request.context.actor
        campaign = await self.service.campaigns.start(draft, actor, approve_all=approve_all)
        if campaign is None:
            return ActionResult(request.own.text("popup-roll-open"), alert=True)
        second = approve_all and self.service.settings.two_person_rule
        return ActionResult(request.own.text("popup-roll-second" if second else "popup-roll-started"), close=True)

    # Presses ------------------------------------------------------------------------------------

    async def moves(self, request: Request) -> ActionResult:
        """Proposes what the current node waits for, and approves it for the person who pressed."""
        campaign = await self._campaign(request)
        node = campaign.current
        if node is None or campaign.nodes.index(node) != request.part:
            raise Outdated
        if node.state not in (NodeState.ASKED, NodeState.BACK):
            raise Outdated
        offer = await self.service.campaigns.offer(campaign, request.context.actor)
        if offer.refusal is not None:
            words = request.own.text("popup-refused", reason=reason_words(request.own, offer.refusal))
            return ActionResult(words[:POPUP_LIMIT], alert=True)
        if offer.proposal is None:
            await self.service.campaign_worker.go_on_without_moves(campaign)
            return ActionResult(request.own.text("popup-roll-nothing", node=wording.short(node.name)))
        if not await self.service.campaigns.attached(campaign, offer.proposal.id, request.context.actor):
            raise Outdated
        results = await self.approve_moves(request, offer.proposal.pending)
        self.service.campaigns.changed.set()
        large = [r.move for r in results if r.needs_confirmation]
        if large:
            return ActionResult(large_words(request.own, large, round(WITHIN.total_seconds())), alert=True)
        return ActionResult(await decided_words(self.service, request.own, results, Verdict.APPROVE))

    async def press(self, request: Request) -> ActionResult:
        """Pause, resume, skip, ready, finish, stop, or the approval of all nodes."""
        campaign = await self._campaign(request)
        if request.extra not in (p.value for p in Press):
            raise Outdated
        what = Press(request.extra)
        if what in (Press.STOP, Press.APPROVE_ALL) and not self.confirmed(request, (what.value, campaign.id)):
            stops = what is Press.STOP
            return self._asks(request, "popup-roll-stop" if stops else "popup-roll-all", count=len(campaign.nodes))
        about_node = what in (Press.SKIP, Press.READY, Press.FINISH)
        if about_node and request.part >= len(campaign.nodes):
            raise Outdated
        at_node = campaign.nodes[request.part].node_id if about_node else None
        actor = request.context.actor
        changed = await self.service.campaigns.press(campaign.id, what, actor, at_node=at_node)
        if changed is None and what is Press.APPROVE_ALL:
            return ActionResult(request.own.text("popup-same-person"), alert=True)
        if changed is None:
            raise Outdated
        return ActionResult(request.own.text("popup-roll-done", press=what.value))

    def _asks(self, request: Request, key: str, *, count: int) -> ActionResult:
        words = request.own.text(key, count=count, seconds=round(WITHIN.total_seconds()))
        return ActionResult(words[:POPUP_LIMIT], alert=True)

    async def _campaign(self, request: Request) -> Campaign:
        campaign = await self.service.store.campaigns.get(request.key)
        if campaign is None or not self.sees(request, campaign.cluster_id):
            raise Outdated
        self._need(request, campaign.cluster_id, campaign.cluster_name)
        return campaign

    def _need(self, request: Request, cluster_id: int, cluster_name: str) -> None:
        if self.service.settings.dry_run:
            raise NotForYou(dry_run=True)
        self.need_decider(request, cluster_id, cluster_name)


def no_such_time(request: Request, error: NoSuchTime) -> View:
    """Why a date cannot be meant, and how to write one."""
    return View(request.texts.html("no-such-time", problem=error.code, text=error.text))
