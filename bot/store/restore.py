"""Replaces the database by a backup, and makes sure that no move in it is carried out a second time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from balancer.model import Reason
from bot.errors import StoreError
from bot.store import files
from bot.store.store import Store


@dataclass(frozen=True, slots=True)
class Restored:
    """``aside``: the new name of the old file. ``pending`` and ``queued``: how many moves of the backup were ended."""

    aside: Path | None
    pending: int
    queued: int


async def restore(path: Path, source: Path, now: datetime) -> Restored:
    """Restores a backup. Call it while no program works on ``path``.

    The backup does not have the events after it: a move that is approved in it may be finished already. So pending
    and queued moves are ended, and the program only asks the panel about running migrations.

    Raises:
        StoreError: the backup is damaged or not of this program, or a file cannot be written. The old file stays.
    """
    _check(path, source)
    fresh = path.with_name(path.name + ".restored")
    files.copy(source, fresh)
    try:
        pending, queued = await _made_harmless(fresh, now)
        aside = files.put_aside(path, now)
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"{fresh} cannot be renamed to {path} ({error.strerror})") from error
    finally:
        files.remove(fresh)
    return Restored(aside, pending, queued)


async def _made_harmless(fresh: Path, now: datetime) -> tuple[int, int]:
    store = Store(fresh)
    await store.open()
    try:
        return await store.proposals.void_waiting(now, Reason.of("restored"))
    finally:
        await store.close()


def _check(path: Path, source: Path) -> None:
    if path.exists() and source.resolve() == path.resolve():
        raise StoreError(f"{source} is the database itself: name the backup to restore")
    problems = files.faults(source)
    if problems:
        raise StoreError(f"{source} is damaged ({problems[0]}): name another backup")
    if not 0 < files.schema_of(source) <= files.SCHEMA_VERSION:
        raise StoreError(f"{source} is no database of this program, or a newer version made it: name another backup")
