"""Asks the person at the terminal about each move that waits. The service stores the decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from bot.app.program import VMBalancer
from bot.domain.proposals import ProposedMove, Verdict
from bot.domain.sanitize import one_line
from bot.rendering.plain import move_lines
from bot.rendering.plan_summary import move_summary
from bot.service.local_actor import at_the_terminal

Ask: TypeAlias = Callable[[str], Awaitable[str]]
"""Shows a question and waits for a line; EOFError where the input ends."""
ANSWERS = {
    **dict.fromkeys(("y", "yes", "д", "да"), "y"),
    **dict.fromkeys(("n", "no", "н", "нет"), "n"),
    **dict.fromkeys(("a", "all", "в", "все"), "a"),
    **dict.fromkeys(("q", "quit"), "q"),
}
"""The answers that a person may type, in both languages: yes, no, all of the rest, quit."""
YES_OR_NO = {word: meaning for word, meaning in ANSWERS.items() if meaning in "yn"}


class TerminalApproval:
    """The questions of one check.

    Args:
        short: one line for each move, because a table above has the details.
    """

    def __init__(self, balancer: VMBalancer, ask: Ask, write: Callable[[str], None], *, short: bool) -> None:
        self._balancer = balancer
        self._ask = ask
        self._write = write
        self._short = short
        self._actor = at_the_terminal()

    async def decide(self, pending: Sequence[ProposedMove]) -> None:
        """Asks move by move. After quit, no move can be approved any more."""
        decisions = self._balancer.service.decisions
        for index, proposed in enumerate(pending):
            self._show(proposed)
            answer = await self._decide(proposed, pending[index:])
            if answer == "q":
                await decisions.withdraw([m.id for m in pending[index:]], self._actor)
            elif answer == "n":
                await decisions.decide([proposed.id], Verdict.SKIP, self._actor)
            if answer in ("a", "q"):
                return

    def _show(self, proposed: ProposedMove) -> None:
        texts = self._balancer.texts
        lines = move_lines(texts, move_summary(texts, proposed.position + 1, proposed.move))
        for line in lines[:1] if self._short else lines:
            self._write(line)

    async def _decide(self, proposed: ProposedMove, rest: Sequence[ProposedMove]) -> str:
        """The answer about a move. Stores an approval; asks again about a large move."""
        while True:
            answer = await self._answer(self._balancer.texts.text("terminal-ask"), ANSWERS)
            if answer not in ("y", "a") or await self._approve(rest if answer == "a" else [proposed]):
                return answer

    async def _approve(self, moves: Sequence[ProposedMove]) -> bool:
        """Approves the moves; ``False`` where the person does not confirm the large moves among them."""
        decide, ids = self._balancer.service.decisions.decide, [m.id for m in moves]
        results = await decide(ids, Verdict.APPROVE, self._actor)
        large = [r.move for r in results if r.needs_confirmation]
        if not large:
            return True
        gib, vms = sum(m.move.memory_mib for m in large) / 1024, ", ".join(one_line(m.move.vm_name) for m in large)
        question = self._balancer.texts.text("terminal-confirm", count=len(large), vms=vms, gib=gib)
        if await self._answer(question, YES_OR_NO) != "y":
            return False
        await decide(ids, Verdict.APPROVE, self._actor, confirmed=[m.id for m in large])
        return True

    async def _answer(self, question: str, answers: Mapping[str, str]) -> str:
        """One of the answers; the end of the input, or of the program, means ``q``."""
        while True:
            asking = asyncio.ensure_future(self._ask(question))
            stopping = asyncio.ensure_future(self._balancer.stopped())
            await asyncio.wait((asking, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not asking.done():
                asking.cancel()
                return "q"
            try:
                typed = asking.result().strip().lower()
            except EOFError:
                return "q"
            if typed in answers:
                return answers[typed]
