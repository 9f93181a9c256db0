"""`vm-balancer db check | repair | backup | restore`: the database as a file."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from pathlib import Path

from bot.cli.arguments import add_settings
from bot.cli.given import read_settings
from bot.cli.output import FAILED, OK, complain, print_all
from bot.cli.parsing import Parser, make_parser, understood
from bot.config.settings import Settings
from bot.config.validation import MEMORY
from bot.domain.sanitize import shorten
from bot.errors import ConfigError, StoreError
from bot.store import files
from bot.store.backups import Backups
from bot.store.database import SCHEMA_VERSION
from bot.store.instance_lock import Instance
from bot.store.restore import restore
from bot.store.store import Store, open_for_reading

SHOWN = 400
"""How many characters of a row are shown; the table `unreadable` has all of them."""


RESTORE = "`vm-balancer db restore` puts the newest backup back"


def parser() -> Parser:
    parser = make_parser(
        "vm-balancer db", "Checks the database, sets rows aside that cannot be read, makes a backup, or restores one."
    )
    parser.add_argument("action", choices=("check", "repair", "backup", "restore"))
    parser.add_argument(
        "file",
        nargs="?",
        help="backup: the file to make (default: in the folder backups beside the database); "
        "restore: the backup to put back (default: the newest)",
    )
    parser.add_argument("--force", action="store_true", help="backup: replace FILE where it exists")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    if given.action in ("check", "repair") and given.file:
        problems.append(f"{given.action} takes no file: it is about DATABASE_PATH")
    settings = read_settings(given, problems, lambda _settings: [])
    if str(settings.database_path) == MEMORY:
        raise ConfigError([f"DATABASE_PATH is {MEMORY}: there is no file; name one"])
    file = Path(given.file).expanduser() if given.file else None
    if given.action == "check":
        return asyncio.run(_check(settings))
    if given.action == "repair":
        return asyncio.run(_repair(settings))
    if given.action == "backup":
        return _back_up(settings, file, replace=given.force)
    return asyncio.run(_restore(settings, file))


async def _check(settings: Settings) -> int:
    path = settings.database_path
    problems = files.faults(path)
    version = 0 if problems else files.schema_of(path)
    if problems:
        problems[-1] += f": {RESTORE}"
    elif version == 0:
        problems = ["it is no database of this program: name another file with DATABASE_PATH"]
    elif version != SCHEMA_VERSION:
        remedy = "the program updates it at its next start" if version < SCHEMA_VERSION else "use the newer program"
        problems = [f"its schema is {version}, this program's is {SCHEMA_VERSION}: {remedy}"]
    entries = 0
    if not problems:
        async with open_for_reading(path) as store:
            audit, unreadable = await store.audit.verify(), await store.unreadable.find()
        problems, entries = [f"audit trail: {line}" for line in audit.problems], audit.entries
        problems += [f"{row.place} {row.row_id} cannot be read ({row.reason}): run db repair" for row in unreadable]
    if problems:
        complain(*(f"{path}: {line}" for line in problems))
        return FAILED
    newest = Backups(path, settings.backup_keep).newest()
    print_all(f"{path}: undamaged; schema {version}; {entries} audit entries; newest backup: {newest or 'none'}")
    return OK


async def _repair(settings: Settings) -> int:
    """Sets every unreadable row aside, then shows all rows that were ever set aside. The program must not run."""
    path, now = settings.database_path, datetime.now(timezone.utc)
    if not path.exists():
        raise ConfigError([f"DATABASE_PATH is {path}: there is no such file; name the program's database"])
    instance = Instance(path)
    instance.acquire(now)
    try:
        await Backups(path, settings.backup_keep).before_update()
        store = Store(path)
        await store.open()
        try:
            unreadable, kept = await store.unreadable.set_aside(now, everything=True), await store.unreadable.kept()
        finally:
            await store.close()
    finally:
        instance.release()
    lines = [f"{row.place} {row.row_id}: {row.reason}: {shorten(row.content, SHOWN)}" for row in kept]
    print_all("\n".join([f"{path}: {len(unreadable)} rows set aside now, {len(kept)} in all", *lines]))
    return OK


def _back_up(settings: Settings, file: Path | None, *, replace: bool) -> int:
    path, now = settings.database_path, datetime.now(timezone.utc)
    target = file or Backups(path, settings.backup_keep).path_for_another(now)
    if target.resolve() == path.resolve():
        raise ConfigError([f"{target} is the database itself: name another file"])
    if target.exists() and not replace:
        raise ConfigError([f"{target} exists: name another file, or add --force to replace it"])
    files.copy(path, target)
    print_all(f"{path} copied to {target}")
    return OK


async def _restore(settings: Settings, file: Path | None) -> int:
    path, now = settings.database_path, datetime.now(timezone.utc)
    source = file or Backups(path, settings.backup_keep).newest()
    if source is None:
        raise StoreError(f"there is no backup in {Backups(path, 0).folder}: name the file to restore")
    if not source.is_file():
        raise ConfigError([f"{source} is no file: name a backup, such as those in {Backups(path, 0).folder}"])
    instance = Instance(path)
    instance.acquire(now)
    try:
        done = await restore(path, source, now)
    finally:
        instance.release()
    aside = f"; what was there is kept as {done.aside}" if done.aside else ""
    print_all(
        f"{path} restored from {source}{aside}\n"
        f"{done.pending} proposed and {done.queued} approved moves that were waiting in it are void: "
        "the next check makes a new plan"
    )
    return OK
