"""What would be done, what waits for people, and a check at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from balancer.model import Plan
from balancer.policy import STRATEGIES
from bot.service.observer import NOW
from bot.store.values import Published
from bot.telegram.handlers.base import Action, ActionResult, Answer, Feature, Outdated, Page, Request
from bot.telegram.keyboards.buttons import Row, do, go, keyboard
from bot.telegram.keyboards.proposals import pass_targets_button
from bot.telegram.views import wording
from bot.telegram.views.proposals import plan_view
from bot.telegram.views.strategies import comparison_view
from bot.telegram.views.view import View


class PlanCommands(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"dryrun": self.dryrun, "proposals": self.proposals, "balance": self.balance}

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"dryrun": self.dryrun_page}

    @property
    def actions(self) -> Mapping[str, Action]:
        return {"pass-targets": self.pass_targets, "propose": self.propose}

    async def dryrun(self, request: Request) -> Sequence[View]:
        cluster, strategy = _dryrun_arguments(request.args)
        plans = await self.plans(request, cluster, NOW, outlook=True)
        nothing = [View(request.texts.html("no-clusters"))]
        if strategy is None:
            return [self._planned(request, plan) for plan in plans] or nothing
        others = await self.plans(request, cluster, None, strategy, outlook=True)
        pairs = zip(plans, others, strict=True)
        return [self._compared(request, mine, other) for mine, other in pairs] or nothing

    def _compared(self, request: Request, mine: Plan, other: Plan) -> View:
        once = self.may_decide(request, mine.cluster_id) and not self.service.settings.dry_run
        return comparison_view(request.texts, mine, other, once=once, switch=request.context.permissions.global_admin)

    def _planned(self, request: Request, plan: Plan) -> View:
        """The plan, and for those who decide on the cluster buttons to propose it, with or without the thresholds."""
        view = plan_view(request.texts, plan)
        return replace(view, keyboard=keyboard(self._propose_rows(request, plan)))

    def _propose_rows(self, request: Request, plan: Plan) -> list[Row]:
        if self.service.settings.dry_run or not self.may_decide(request, plan.cluster_id):
            return []
        rows: list[Row] = [[do(request.texts.text("button-propose"), "propose", plan.cluster_id)]] if plan.moves else []
        if plan.beyond_targets is not None:
            rows.append([pass_targets_button(request.texts, plan.cluster_id)])
        return rows

    async def pass_targets(self, request: Request) -> ActionResult:
        """Proposes once a plan that may pass hard target thresholds; the proposal is posted like any other."""
        self.need_decider(request, request.key)
        published = await self.service.cycle.pass_targets(request.key, request.context.actor)
        return _proposed(request, published, "popup-pass-targets", "popup-pass-targets-nothing")

    async def propose(self, request: Request) -> ActionResult:
        """Proposes once what would be done in cluster ``key`` now, by the strategy ``extra`` or by its own."""
        self.need_decider(request, request.key)
        if request.extra and request.extra not in STRATEGIES:
            raise Outdated
        published = await self.service.cycle.propose_once(request.key, request.context.actor, request.extra or None)
        return _proposed(request, published, "popup-proposed", "popup-proposed-nothing")

    async def dryrun_page(self, request: Request) -> View:
        """What would be done now, of one cluster or the one in which most is overloaded."""
        plans = await self.plans(request, str(request.key) if request.key else None, outlook=True)
        if not plans:
            return View(request.texts.html("no-clusters"))
        plan = max(plans, key=lambda p: (len(p.overloaded), -p.cluster_id))
        view = plan_view(request.texts, plan)
        back = [go(request.texts.text("button-status"), "status", request.key)]
        return replace(view, keyboard=keyboard([*self._propose_rows(request, plan), back]))

    async def proposals(self, request: Request) -> Sequence[View]:
        """What waits, in a line each; in the chat that they are posted to they come once more, at its end."""
        waiting = [p for p in await self.service.store.proposals.waiting() if self.sees(request, p.cluster_id)]
        if not waiting:
            return [View(request.texts.html("proposals-none"))]
        now = self.service.clock()
        lines = []
        for proposal in waiting:
            time = wording.moment(request.texts, proposal.expires_at, now)
            count = len(proposal.pending)
            lines.append(
                request.texts.html("proposals-line", cluster=proposal.plan.cluster_name, count=count, time=time)
            )
        sync = self.notifier.chat_sync(request.context.chat_id)
        if sync is None:
            return [View(wording.joined(lines))]
        await request.tell(View(wording.joined([*lines, request.texts.html("proposals-again")])))
        for proposal in waiting:
            await sync.repost(proposal.id)
        return []

    async def balance(self, request: Request) -> Sequence[View]:
        """A check at once; a dry run only shows what it would do."""
        if self.service.settings.dry_run:
            return await self.dryrun(request)
        texts = request.texts
        await request.tell(View(texts.html("balance-started")))
        report = await self.service.cycle.run()
        if report.outcome == "failed":
            return [View(texts.html("balance-failed", problem=report.problem or ""))]
        if report.outcome in ("busy", "paused"):
            return [View(texts.html(f"balance-{report.outcome}"))]
        lines = [texts.html("balance-done", proposed=len(report.proposed), clusters=len(report.results))]
        for result in report.results:
            if result.left_alone is not None:
                reason = texts.reason(result.left_alone)
                lines.append(texts.html("balance-left-alone", cluster=result.cluster.name, reason=reason))
        return [View(wording.joined(lines))]


def _proposed(request: Request, published: Published | None, done: str, nothing: str) -> ActionResult:
    """What came of a plan that a person proposed once. ``done``, ``nothing``: keys of the popups.

    Raises:
        Outdated: there is no such cluster.
    """
    if published is None:
        raise Outdated
    if published.left_alone is not None:
        return ActionResult(request.own.text("problem", problem=request.own.reason(published.left_alone)))
    return ActionResult(request.own.text(nothing if published.proposal_id is None else done))


def _dryrun_arguments(args: str) -> tuple[str | None, str | None]:
    """Cluster and strategy, either may be missing. A cluster's name may hold blanks, so the strategy stands last."""
    words = args.split()
    strategy = words.pop().lower() if words and words[-1].lower() in STRATEGIES else None
    return " ".join(words) or None, strategy
