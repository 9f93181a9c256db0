"""The cycle or migration of a log line. Kept in a context variable, not passed as an argument.

A line belongs to one of the two or to neither. Tasks and threads that are started inside inherit it. Only the log may
depend on it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Work(NamedTuple):
    """The current work: ``kind`` is ``cycle`` or ``migration``."""

    kind: str
    id: str | int


_work: ContextVar[Work | None] = ContextVar("work", default=None)


def current_work() -> Work | None:
    return _work.get()


@contextmanager
def cycle() -> Iterator[str]:
    """The log lines inside belong to one cycle: to the surrounding one, or to a new one."""
    begun = _work.get()
    if begun is not None and begun.kind == "cycle":
        yield str(begun.id)
        return
    # Eight random digits: a log collector keeps lines for months, and a counter would repeat after each start.
    with _working(Work("cycle", secrets.token_hex(4))) as work:
        yield str(work.id)


@contextmanager
def migration(migration_id: int) -> Iterator[None]:
    """The log lines inside belong to the migration with this id in the database."""
    with _working(Work("migration", migration_id)):
        yield


@contextmanager
def _working(work: Work) -> Iterator[Work]:
    token = _work.set(work)
    try:
        yield work
    finally:
        _work.reset(token)
