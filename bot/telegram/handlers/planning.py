"""What would be done, what waits for people, and a check at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from balancer.model import Plan
from balancer.policy import STRATEGIES
from bot.service.observer import NOW
from bot.store.values import Published
from bot.telegram.handlers.base import FRESH, Action, ActionResult, Answer, Feature, Outdated, Page, Request
from bot.telegram.keyboards.buttons import Row, cluster_tabs, do, go, keyboard
from bot.telegram.keyboards.proposals import pass_targets_button
from bot.telegram.views import wording
from bot.telegram.views.proposals import plan_view
from bot.telegram.views.strategies import comparison_view
from bot.telegram.views.view import View

OVERLOADED = "⚠️ "


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
        """One message: the cluster that was named, else the one in which most is overloaded, with a tab for each."""
        cluster, strategy = _dryrun_arguments(request.args)
        return [await self._dryrun(request, cluster, strategy or "", NOW)]

    async def _dryrun(self, request: Request, cluster: str | None, strategy: str, max_age: timedelta | None) -> View:
        """
        Args:
            strategy: whose plan stands beside the one in force; empty: none.
        """
        plans = await self.plans(request, cluster, max_age, compare=True)
        if not plans:
            return View(request.texts.html("no-clusters"))
        plan = max(plans, key=lambda p: (len(p.overloaded), -p.cluster_id))
        view, rows = plan_view(request.texts, plan), self._propose_rows(request, plan)
        if strategy:
            [other] = await self.plans(request, str(plan.cluster_id), None, strategy, compare=True)
            view = self._compared(request, plan, other)
            rows = [] if view.keyboard is None else list(view.keyboard.inline_keyboard)
        rows += self._tabs(request, plan, plans, strategy)
        back = go(request.texts.text("button-status"), "status", plan.cluster_id)
        return replace(view, keyboard=keyboard([*rows, [back]]))

    def _tabs(self, request: Request, shown: Plan, plans: Sequence[Plan], strategy: str) -> list[Row]:
        """A tab for each cluster; those of ``plans`` with overloaded nodes have a sign."""
        clusters = [(c.id, c.name) for c in self.clusters_seen(request)]
        marks = {plan.cluster_id: OVERLOADED for plan in plans if plan.overloaded}
        return cluster_tabs(request.texts, "dryrun", clusters, shown.cluster_id, marks, extra=strategy)

    def _compared(self, request: Request, mine: Plan, other: Plan) -> View:
        once = self.may_decide(request, mine.cluster_id) and not self.service.settings.dry_run
        return comparison_view(request.texts, mine, other, once=once, switch=request.context.permissions.global_admin)

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
        """What would be done now in cluster ``key``, or in the one in which most is overloaded; ``extra`` as above."""
        strategy = request.extra if request.extra in STRATEGIES else ""
        return await self._dryrun(request, str(request.key) if request.key else None, strategy, FRESH)

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
