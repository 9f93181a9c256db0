"""Checks database and log file of a configuration, and whether a program uses them already. Writes nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from bot.cli.checks.sheet import FILES, Line, Sheet
from bot.config import validation
from bot.config.loading import LoadedSettings
from bot.config.settings import Settings
from bot.config.validation import MEMORY
from bot.domain.health import SILENT
from bot.domain.held_clusters import held_clusters
from bot.errors import StoreError
from bot.rendering.catalog import Texts
from bot.rendering.outcomes import broken_line
from bot.store.database import SCHEMA_VERSION
from bot.store.readonly import faults_of, heartbeat_of, schema_of, settings_of
from bot.store.readonly_outcomes import broken_promises_of


def check_files(loaded: LoadedSettings, texts: Texts, now: datetime) -> list[Line]:
    settings, sheet = loaded.settings, Sheet(texts, FILES)
    # The last field is the one to change: if database and log are one file, LOG_FILE is wrong.
    problems = {p.fields[-1]: p.text for p in validation.check_files(settings)}
    if "database_path" in loaded.broken:
        sheet.skip("database", texts.text("check-after", title="DATABASE_PATH"))
    elif "database_path" in problems:
        sheet.fail("database", problems["database_path"])
    else:
        _database(sheet, settings, now)
    if "log_file" in loaded.broken:
        sheet.skip("log-file", texts.text("check-after", title="LOG_FILE"))
    elif "log_file" in problems:
        sheet.fail("log-file", problems["log_file"])
    else:
        sheet.ok("log-file", texts.text("check-log-file", path=str(settings.log_file)))
    if "database_path" not in loaded.broken:
        _running(sheet, settings, now)
    return sheet.lines()


def _database(sheet: Sheet, settings: Settings, now: datetime) -> None:
    texts, path = sheet.texts, settings.database_path
    if str(path) == MEMORY:
        sheet.warn("database", texts.text("check-database-memory"))
    elif not path.exists():
        sheet.ok("database", texts.text("check-database-new", path=str(path)))
    else:
        try:
            schema, faults = schema_of(path), faults_of(path)
        except StoreError as error:
            sheet.fail("database", texts.text("check-database-unreadable", path=str(path), problem=str(error)))
            return
        if schema > SCHEMA_VERSION:
            sheet.fail("database", texts.text("check-database-newer", path=str(path)))
        elif faults:
            sheet.fail("database", texts.text("check-database-damaged", path=str(path), problem=faults[0]))
        else:
            sheet.ok("database", texts.text("check-database", path=str(path)))
            _held(sheet, path)
            _outcomes(sheet, path, now)


def _held(sheet: Sheet, path: Path) -> None:
    """The reasons why the program's last check held a cluster."""
    try:
        stored = {key: changed.value for key, changed in settings_of(path).items()}
    except StoreError:  # the line above reports it
        return
    for cluster_id, reasons in held_clusters(stored).items():
        for reason in reasons:
            sheet.warn("held", sheet.texts.text("check-held", cluster=cluster_id, reason=sheet.texts.reason(reason)))


def _outcomes(sheet: Sheet, path: Path, now: datetime) -> None:
    """Clusters whose moves bring less than they promise."""
    try:
        broken = broken_promises_of(path, now)
    except StoreError:  # rows that the program sets aside
        return
    for verdict in broken:
        sheet.warn("outcomes", broken_line(sheet.texts, verdict))


def _running(sheet: Sheet, settings: Settings, now: datetime) -> None:
    """Adds only a note: a check is useful beside a running program too."""
    try:
        seen = heartbeat_of(settings.database_path)
    except (StoreError, OSError):
        return  # reported above
    if seen is None or seen.stopped_at is not None or now - seen.at > SILENT:
        sheet.ok("running", sheet.texts.text("check-not-running"))
    else:
        since = f"{seen.started_at:%Y-%m-%d %H:%M} UTC"
        text = sheet.texts.text("check-running", pid=str(seen.pid), host=seen.host, since=since)
        sheet.ok("running", text)
