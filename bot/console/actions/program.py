"""How the program works: checks, dry runs, pause, mode; and starting it where nobody runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from bot.console.base import ConsoleBase
from bot.console.dialogs import AskLength, Choose, Length
from bot.domain.modes import APPROVE, ASSIST, MODES
from bot.errors import InstanceRunning
from bot.rendering.phrases import until
from bot.service.remote_requests import CheckAnswer, answered, ask_for_check

ANSWER_POLL_S = 0.3


def pause(app: ConsoleBase) -> None:
    """Pauses, after a question for how long; ends a pause at once."""

    async def resume() -> None:
        was_paused = await app.backend.service.admin.resume(app.actor)
        app.say_key("console-resumed" if was_paused else "console-not-paused")

    def chosen(wanted: Length | None) -> None:
        if wanted is not None:
            app.do(lambda: _pause(app, wanted))

    if app.stored.paused_until is not None:
        app.do(resume)
    else:
        question, yes = app.texts.text("console-pause-ask"), app.texts.text("console-key-pause")
        app.push_screen(AskLength(app.texts, question, yes), chosen)


async def _pause(app: ConsoleBase, wanted: Length) -> None:
    service = app.backend.service
    ends = await service.admin.pause(wanted.length, app.actor)
    app.say(app.texts.text("console-pause-done", until=until(app.texts, ends, service.clock())), "warn")


def mode(app: ConsoleBase) -> None:
    """Chooses another mode, after a question."""
    texts = app.texts

    def chosen(name: str | None) -> None:
        if name is not None and (name != app.stored.mode or name == ASSIST):
            switch_mode(app, name)

    app.push_screen(Choose(texts, texts.text("console-mode-choose"), MODES, app.stored.mode), chosen)


def switch_mode(app: ConsoleBase, new: str) -> None:
    """Asks, and switches to the mode ``new``."""
    texts = app.texts
    if new != APPROVE and app.settings.two_person_rule:
        app.say_key("mode-two-persons", "warn")
        return

    async def work() -> None:
        await app.backend.service.admin.set_mode(new, app.actor)
        app.say(texts.text("console-mode-done", mode=new), "good" if new == APPROVE else "warn")

    app.confirm(texts.text("console-mode-ask", mode=new), texts.text("console-switch"), lambda: app.do(work))


def dry_run(app: ConsoleBase) -> None:
    """Plans on a new look at the panel, and shows the plan; stores nothing."""
    app.show_page("plan")

    async def work() -> None:
        app.say_key("console-looking", "accent")
        await app.look(timedelta(0))
        if app.world.problem is None:
            app.say_key("console-planned")

    app.do(work)


def pass_targets(app: ConsoleBase) -> None:
    """Proposes once, after a question, plans that may pass the target thresholds where these keep nodes overloaded."""
    plans, texts = [p for p in app.world.plans if p.beyond_targets is not None], app.texts
    if not plans:
        app.say_key("console-pass-targets-none", "warn")
        return
    question = texts.text("console-pass-targets-ask", clusters=", ".join(p.cluster_name for p in plans))
    ids = [p.cluster_id for p in plans]
    app.confirm(question, texts.text("console-key-pass_targets"), lambda: app.do(lambda: _pass_targets(app, ids)))


async def _pass_targets(app: ConsoleBase, cluster_ids: Sequence[int]) -> None:
    texts, proposed = app.texts, 0
    for cluster_id in cluster_ids:
        published = await app.backend.service.cycle.pass_targets(cluster_id, app.actor)
        if published is not None and published.left_alone is not None:
            app.say(texts.text("problem", problem=texts.reason(published.left_alone)), "warn")
            return
        proposed += published is not None and published.proposal_id is not None
    app.say_key("popup-pass-targets" if proposed else "popup-pass-targets-nothing", "good" if proposed else "warn")


def check(app: ConsoleBase) -> None:
    """Asks the program for a whole check now."""

    async def work() -> None:
        if await app.nobody_runs():
            app.say_key("console-nobody-checks", "bad")
            return
        app.say_key("console-checking", "accent")
        answer = await _answer(app)
        if answer is None:
            app.say_key("console-no-answer", "bad")
            return
        _tell(app, answer)
        await app.look(timedelta(seconds=1))

    app.do(work)


async def _answer(app: ConsoleBase) -> CheckAnswer | None:
    """The program's answer to a request for a check; ``None`` = it ended before it gave one."""
    backend = app.backend
    number = await ask_for_check(backend.store, backend.service, app.actor)
    while True:
        answer = await answered(backend.store, number)
        if answer is not None or await app.nobody_runs():
            return answer
        await asyncio.sleep(ANSWER_POLL_S)


def _tell(app: ConsoleBase, answer: CheckAnswer) -> None:
    texts = app.texts
    if answer.outcome == "failed":
        app.say(texts.text("console-check-failed", problem=answer.problem or ""), "bad")
    elif answer.outcome == "busy":
        app.say_key("console-check-busy", "warn")
    elif answer.outcome == "paused":
        app.say_key("console-check-paused", "warn")
    elif answer.outcome == "rehearsed":
        app.say_key("console-check-rehearsed", "warn")
    else:
        parts = [texts.text("console-check-done", proposed=answer.proposed, clusters=answer.clusters)]
        for cluster, reason in answer.left_alone:
            parts.append(texts.text("console-left-alone", cluster=cluster, reason=texts.reason(reason)))
        app.say(" ".join(parts))


def start(app: ConsoleBase) -> None:
    """Starts the program, after a question, where nobody runs it."""
    program, texts = app.backend.program, app.texts

    async def work() -> None:
        app.say_key("console-starting", "accent")
        try:
            await program.start()
        except InstanceRunning:
            app.say_key("console-start-late", "warn")
        else:
            app.say_key("console-started")

    if program.may_start and app.view_state.holder is None:
        app.confirm(texts.text("console-start-ask"), texts.text("console-key-start"), lambda: app.do(work))
