"""What a person asks the planner for: empty a node, bring VMs back to it, and why something stays as it is."""

from __future__ import annotations

from collections.abc import Collection

from rich.text import Text

from balancer.model import Node, Plan, Purpose
from bot.console import wording
from bot.console.actions.nodes import chosen_node
from bot.console.base import ConsoleBase
from bot.console.dialogs import Confirm, Help
from bot.console.moves import MovesView
from bot.console.node import NodeView
from bot.console.why import why_lines
from bot.domain.proposals import Verdict
from bot.rendering.phrases import popup


def drain(app: ConsoleBase) -> None:
    _plan(app, Purpose.DRAIN)


def fill(app: ConsoleBase) -> None:
    _plan(app, Purpose.FILL)


def _plan(app: ConsoleBase, purpose: Purpose) -> None:
    """Shows the plan for the chosen node first; nothing is stored before the person says yes."""
    node = chosen_node(app)
    if node is None:
        app.say_key("console-choose-node", "warn")
        return

    async def work() -> None:
        requests = app.backend.service.requests
        plan = await (requests.plan_drain if purpose is Purpose.DRAIN else requests.plan_fill)(node)
        _ask(app, node, plan, purpose)

    app.do(work)


def _ask(app: ConsoleBase, node: Node, plan: Plan, purpose: Purpose) -> None:
    texts, count = app.texts, len(plan.moves)
    lines = wording.plan_lines(texts, plan, app.palette)
    body = [Text(" " * indent).append_text(line) for indent, line in lines]
    if not plan.moves:
        app.push_screen(Help(texts.text("console-request-nothing", node=node.name), body))
        return
    question = texts.text(f"console-{purpose.value}-ask", node=node.name, count=count)
    dialog = Confirm(texts, question, texts.text(f"console-key-{purpose.value}"), body)
    app.push_screen(dialog, lambda yes: app.do(lambda: _request(app, node, purpose)) if yes else None)


async def _request(app: ConsoleBase, node: Node, purpose: Purpose) -> None:
    requests = app.backend.service.requests
    result = await (requests.drain if purpose is Purpose.DRAIN else requests.fill)(node, app.actor)
    if result.refusal is not None or result.proposal_id is None:
        reason = "" if result.refusal is None else app.texts.reason(result.refusal.reason)
        app.say(app.texts.text("popup-refused", reason=reason), "warn")
        return
    await _approve(app, result.proposal_id)


async def _approve(app: ConsoleBase, proposal_id: int, confirmed: Collection[int] = ()) -> None:
    """Approves all of a request. A large VM among them is asked about first; the proposal waits meanwhile."""
    service, texts = app.backend.service, app.texts
    proposal = await service.store.proposals.get(proposal_id)
    pending = () if proposal is None else proposal.pending
    results = await service.decisions.decide([m.id for m in pending], Verdict.APPROVE, app.actor, confirmed=confirmed)
    large = [r.move for r in results if r.needs_confirmation]
    if large:
        vms, gib = ", ".join(m.move.vm_name for m in large), sum(m.move.memory_mib for m in large) / 1024
        question = texts.text("console-confirm-ask", count=len(large), vms=vms, gib=gib)
        ids = [m.id for m in large]
        app.confirm(
            question, texts.text("console-key-approve"), lambda: app.do(lambda: _approve(app, proposal_id, ids))
        )
        return
    app.say(popup(texts, results, Verdict.APPROVE, service.clock(), service.decisions.skip_cooldown))


def stop(app: ConsoleBase) -> None:
    """Stops the drain or fill of the chosen row: what waits is withdrawn, what runs continues."""
    move = app.page(MovesView).chosen
    if move is None:
        app.say_key("console-choose-move", "warn")
        return

    async def work() -> None:
        service = app.backend.service
        row = await service.queries.proposed(move.id)
        stopped = None if row is None else await service.requests.stop(row[0].id, app.actor)
        if stopped is None:
            app.say_key("console-stop-nothing", "warn")
            return
        back, running = len(stopped.withdrawn) + len(stopped.called_back), len(stopped.running)
        app.say(app.texts.text("console-stopped", back=back, running=running))

    app.do(work)


def why(app: ConsoleBase) -> None:
    """Why the chosen VM stays, or what the chosen node is to the plan."""
    vm_id = app.page(NodeView).vm_id if app.front == "node" else None
    node = chosen_node(app)
    key = vm_id if vm_id is not None else None if node is None else node.id
    if key is None:
        app.say_key("console-choose-node", "warn")
        return

    async def work() -> None:
        answers = await app.backend.service.queries.why(str(key))
        wanted = [a for a in answers if (getattr(a, "vm_id", None) == key) == (vm_id is not None)]
        now, lines = app.backend.service.clock(), list[Text]()
        for answer in wanted or answers:
            lines += [*why_lines(app.texts, answer, app.palette, now), Text()]
        app.push_screen(Help(app.texts.text("console-key-why"), lines))

    app.do(work)
