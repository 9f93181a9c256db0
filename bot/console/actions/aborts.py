"""Stopping a running migration from the page of moves. Asks twice; the use case asks the panel."""

from __future__ import annotations

from bot.console.base import ConsoleBase
from bot.console.moves import MovesView
from bot.domain.proposals import Migration, MigrationState
from bot.rendering.aborts import abort_words
from bot.service.aborts import AbortKind


def abort(app: ConsoleBase) -> None:
    """Stops the running migration of the chosen row."""
    chosen = app.page(MovesView).chosen
    migration = None if chosen is None else chosen.migration
    if migration is None or migration.state is not MigrationState.RUNNING:
        app.say_key("console-abort-nothing", "warn")
        return
    app.do(lambda: _ask_or_stop(app, migration, 0))


async def _ask_or_stop(app: ConsoleBase, migration: Migration, confirmed: int) -> None:
    result = await app.backend.service.aborts.abort(migration, app.actor, confirmed=confirmed)
    earlier = "" if result.earlier is None else result.earlier.by.name
    if result.kind is not AbortKind.QUESTION:
        words = abort_words(*(app.texts, result.kind.value, migration.move), problem=result.problem, who=earlier)
        app.say(words, "good" if result.kind is AbortKind.ACCEPTED else "warn")
        return
    move = migration.move
    key = "console-abort-first" if result.number <= 1 else "console-abort-last"
    question = app.texts.text(key, vm=move.vm_name, source=move.source_name)
    yes = app.texts.text("console-key-abort")
    app.confirm(question, yes, lambda: app.do(lambda: _ask_or_stop(app, migration, result.number)))
