"""What a key or a click does: asks where it must, tells the service, and says what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from balancer.model import Node
from bot.console.dialogs import AskExclusion, AskLength, Confirm, Exclude, Length
from bot.console.moves import MovesView
from bot.console.nodes import NodesView, NodeView
from bot.console.pages import ExclusionsView
from bot.domain.proposals import ProposedMove, Verdict
from bot.errors import DryRunError, NotFound
from bot.rendering.phrases import popup, role, until
from bot.service.remote_requests import Answer, answered, ask_for_check

if TYPE_CHECKING:
    from bot.console.app import Console

FRESH = timedelta(seconds=60)
ANSWER_POLL_S = 0.3


class Actions:
    """Each method returns at once; the work is a task of the console's."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._texts = console.texts

    # Deciding ---------------------------------------------------------------------------------

    def decide_one(self, *, approve: bool) -> None:
        page = self._moves()
        if page is None:
            return
        chosen = page.chosen
        if chosen is None:
            self._say("console-choose-move", "warn")
        else:
            self._decide([chosen], approve)

    def decide_all(self, *, approve: bool) -> None:
        """All that waits in the proposal of the chosen row; more than one is asked about."""
        page = self._moves()
        proposal = None if page is None else page.proposal
        if page is None or proposal is None:
            return
        pending = proposal.pending
        cluster, count = proposal.plan.cluster_name, len(pending)
        if count <= 1 or (approve and any(self._console.desk.service.decisions.is_large(m.move) for m in pending)):
            self._decide(pending, approve)
            return
        texts = self._texts
        question = texts.text("console-approve-ask" if approve else "console-skip-ask", count=count, cluster=cluster)
        yes = texts.text("console-key-approve_all" if approve else "console-key-skip_all")
        self._confirm(question, yes, lambda: self._decide(pending, approve))

    def _ask_about_large(self, moves: Sequence[ProposedMove], large: Sequence[ProposedMove]) -> None:
        """Asks the person to confirm the large moves, then approves all of the moves."""
        texts = self._texts
        gib, vms = sum(m.move.memory_mib for m in large) / 1024, ", ".join(m.move.vm_name for m in large)
        question = texts.text("console-confirm-ask", count=len(large), vms=vms, gib=gib)
        yes = texts.text("console-key-approve" if len(moves) == 1 else "console-key-approve_all")
        self._confirm(question, yes, lambda: self._decide(moves, True, confirmed=[m.id for m in large]))

    def _moves(self) -> MovesView | None:
        return self._console.query_one("#moves", MovesView) if self._console.front == "moves" else None

    def _decide(self, moves: Sequence[ProposedMove], approve: bool, confirmed: Collection[int] = ()) -> None:
        console, verdict = self._console, Verdict.APPROVE if approve else Verdict.SKIP

        async def work() -> None:
            service = console.desk.service
            ids = [m.id for m in moves]
            try:
                results = await service.decisions.decide(ids, verdict, console.actor, confirmed=confirmed)
            except DryRunError:
                self._say("popup-dry-run", "warn")
                return
            large = [r.move for r in results if r.needs_confirmation]
            if large:
                self._ask_about_large(moves, large)
                return
            text = popup(self._texts, results, verdict, service.clock(), service.decisions.skip_cooldown)
            done = any(r.done or r.noted for r in results)
            waits = any(r.done for r in results) and approve
            if waits and await service.runtime.paused_until() is not None:
                text = f"{text} {self._texts.text('console-starts-later')}"
            elif waits and console.desk.attached and await asyncio.to_thread(console.desk.holder) is None:
                text = f"{text} {self._texts.text('console-starts-never')}"
            console.say(text, "good" if done else "warn")

        console.do(work)

    # Nodes ------------------------------------------------------------------------------------

    def exclude(self) -> None:
        console, node = self._console, self._node()
        if console.front not in ("nodes", "node", "exclusions"):
            return

        def chosen(wanted: Exclude | None) -> None:
            if wanted is not None:
                console.do(lambda: self._exclude(wanted, None if console.front == "exclusions" else node))

        console.push_screen(AskExclusion(self._texts, None if node is None else node.name), chosen)

    async def _exclude(self, wanted: Exclude, node: Node | None) -> None:
        service, texts = self._console.desk.service, self._texts
        if node is None:
            [node] = await self._one(wanted.node)
        made = await service.admin.exclude(node, wanted.role, wanted.length, self._console.actor)
        lasts = until(texts, made.until, service.clock())
        said = texts.text("console-exclude-done", node=node.name, role=role(texts, wanted.role), until=lasts)
        self._console.say(said)

    async def _one(self, name: str) -> list[Node]:
        """The one node of this name; of several with one name none is guessed."""
        found = await self._console.desk.service.queries.find_nodes(name, FRESH)
        if len(found) > 1:
            raise NotFound("node", name, [f"{n.id}" for n in found])
        return found

    def include(self) -> None:
        console, front = self._console, self._console.front
        if front not in ("nodes", "node", "exclusions"):
            return
        node_id = self._node_id()
        if node_id is None:
            self._say("console-choose-exclusion" if front == "exclusions" else "console-choose-node", "warn")
            return
        excluded = next((e for e in console.seen.stored.exclusions if e.node_id == node_id), None)
        known = self._known(node_id)
        node = known or (Node(node_id, excluded.node_name, 0) if excluded is not None else None)
        if node is None:
            return

        async def work() -> None:
            ended = await console.desk.service.admin.include(node, console.actor)
            key = "console-include-done" if ended else "console-include-none"
            console.say(self._texts.text(key, node=node.name), "good" if ended else "warn")

        console.do(work)

    def _node_id(self) -> int | None:
        """The node that the page in front is about."""
        console = self._console
        if console.front == "nodes":
            return console.query_one("#nodes", NodesView).node_id
        if console.front == "node":
            return console.query_one("#node", NodeView).node_id
        return console.query_one("#exclusions", ExclusionsView).node_id if console.front == "exclusions" else None

    def _node(self) -> Node | None:
        if self._console.front == "exclusions":
            return None
        number = self._node_id()
        return None if number is None else self._known(number)

    def _known(self, node_id: int) -> Node | None:
        snapshot = self._console.seen.world.snapshot
        return None if snapshot is None else next((n for n in snapshot.nodes if n.id == node_id), None)

    # How it works -----------------------------------------------------------------------------

    def pause(self) -> None:
        """Pauses, after a question for how long; ends a pause at once."""
        console, texts = self._console, self._texts

        async def resume() -> None:
            was = await console.desk.service.admin.resume(console.actor)
            self._say("console-resumed" if was else "console-not-paused")

        def chosen(wanted: Length | None) -> None:
            if wanted is not None:
                console.do(lambda: self._pause(wanted))

        if console.seen.stored.paused_until is not None:
            console.do(resume)
        else:
            console.push_screen(
                AskLength(texts, texts.text("console-pause-ask"), texts.text("console-key-pause")), chosen
            )

    async def _pause(self, wanted: Length) -> None:
        service = self._console.desk.service
        ends = await service.admin.pause(wanted.length, self._console.actor)
        lasts = until(self._texts, ends, service.clock())
        self._console.say(self._texts.text("console-pause-done", until=lasts), "warn")

    def mode(self) -> None:
        """Switches between asking and automatic mode, after a question."""
        console, texts = self._console, self._texts
        new = "approve" if console.seen.stored.mode == "auto" else "auto"
        if new == "auto" and console.desk.service.settings.two_person_rule:
            self._say("mode-two-persons", "warn")
            return

        async def work() -> None:
            await console.desk.service.admin.set_mode(new, console.actor)
            console.say(texts.text("console-mode-done", mode=new), "warn" if new == "auto" else "good")

        self._confirm(texts.text("console-mode-ask", mode=new), texts.text("console-switch"), lambda: console.do(work))

    def dry_run(self) -> None:
        """Plans on a new look at the panel, and shows it; stores nothing."""
        console = self._console
        console.bring("plan")

        async def work() -> None:
            self._say("console-looking", "accent")
            await console.look(timedelta(0))
            if console.seen.world.problem is None:
                self._say("console-planned")

        console.do(work)

    def check(self) -> None:
        """A whole check now: here, or by the program that this console is attached to."""
        console = self._console

        async def work() -> None:
            desk = console.desk
            self._say("console-checking", "accent")
            if desk.check is not None:
                answer: Answer | None = await desk.check()
            elif await asyncio.to_thread(desk.holder) is None:
                self._say("console-nobody-checks", "bad")
                return
            else:
                answer = await self._asked()
            if answer is None:
                self._say("console-no-answer", "bad")
                return
            self._tell(answer)
            await console.look(timedelta(seconds=1))

        console.do(work)

    async def _asked(self) -> Answer | None:
        """The running program's answer; ``None`` = it ended before it gave one."""
        desk = self._console.desk
        number = await ask_for_check(desk.store, desk.service, self._console.actor)
        while True:
            answer = await answered(desk.store, number)
            if answer is not None or await asyncio.to_thread(desk.holder) is None:
                return answer
            await asyncio.sleep(ANSWER_POLL_S)

    def _tell(self, answer: Answer) -> None:
        texts, console = self._texts, self._console
        if answer.outcome == "failed":
            console.say(texts.text("console-check-failed", problem=answer.problem or ""), "bad")
        elif answer.outcome == "busy":
            self._say("console-check-busy", "warn")
        elif answer.outcome == "paused":
            self._say("console-check-paused", "warn")
        elif answer.outcome == "rehearsed":
            self._say("console-check-rehearsed", "warn")
        else:
            said = [texts.text("console-check-done", proposed=answer.proposed, clusters=answer.clusters)]
            for cluster, reason in answer.left_alone:
                said.append(texts.text("console-left-alone", cluster=cluster, reason=texts.reason(reason)))
            console.say(" ".join(said))

    # Helpers ----------------------------------------------------------------------------------

    def _confirm(self, question: str, yes: str, act: Callable[[], None]) -> None:
        def answer(said: bool | None) -> None:
            if said:
                act()

        self._console.push_screen(Confirm(self._texts, question, yes), answer)

    def not_found(self, error: NotFound) -> str:
        said = self._texts.text("console-no-such-node", name=error.name)
        if error.near:
            said += " " + self._texts.text("console-near", names=", ".join(error.near))
        return said

    def _say(self, key: str, kind: str = "good") -> None:
        self._console.say(self._texts.text(key), kind)
