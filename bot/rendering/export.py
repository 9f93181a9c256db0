"""Past decisions and the audit trail as tables for other programs: CSV and JSON. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from balancer.model import Purpose
from bot.domain.proposals import Actor, Migration, ProposedMove
from bot.domain.sanitize import one_line
from bot.rendering.catalog import NO_BREAK, Texts
from bot.rendering.phrases import deciders
from bot.rendering.plain import outcome_line
from bot.store.values import AuditEntry

Row = Mapping[str, object]
HISTORY_COLUMNS = (
    *("decided_at", "verdict", "by", "by_id", "first_by", "first_by_id", "vm_id", "vm", "vcpus", "memory_mib"),
    *("source_id", "source", "target_id", "target", "state", "started_at", "finished_at", "seconds", "reason", "error"),
    "purpose",
)
AUDIT_COLUMNS = ("id", "at", "event", "by", "by_id", "detail")
_FORMULA = re.compile(r"""((?:^|[;,|])["'\s]*)([=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Where some spreadsheet begins a formula: at a cell's start, or after a separator inside it, because a spreadsheet
set up for another separator splits the cell there. Full-width signs count as well."""


def history_rows(moves: Sequence[ProposedMove], texts: Texts) -> list[Row]:
    """One row for each decided move; times are ISO 8601 in UTC."""
    return [_history_row(proposed, texts) for proposed in moves]


def _history_row(proposed: ProposedMove, texts: Texts) -> Row:
    move, migration = proposed.move, proposed.migration
    first = proposed.first.by if proposed.first else None
    took = migration.duration if migration else None
    reason = migration.reason if migration else None
    return {
        "decided_at": iso(proposed.decided_at),
        "verdict": proposed.state.value,
        **_who(proposed.decided_by),
        "first_by": first.name if first else None,
        "first_by_id": first.user_id if first else None,
        "vm_id": move.vm_id,
        "vm": move.vm_name,
        "vcpus": move.vcpus,
        "memory_mib": move.memory_mib,
        "source_id": move.source_id,
        "source": move.source_name,
        "target_id": move.target_id,
        "target": move.target_name,
        "state": _state(migration),
        "started_at": iso(migration.started_at) if migration else None,
        "finished_at": iso(migration.finished_at) if migration else None,
        "seconds": None if took is None else round(took.total_seconds()),
        "reason": None if reason is None else texts.reason(reason).replace(NO_BREAK, " "),
        "error": migration.error if migration else None,
        "purpose": proposed.purpose.value,
    }


def _state(migration: Migration | None) -> str | None:
    """A withdrawn approval is shown as withdrawn, although the store has it as skipped."""
    if migration is None:
        return None
    return "called-back" if migration.called_back_by is not None else migration.state.value


def audit_rows(entries: Sequence[AuditEntry]) -> list[Row]:
    return [
        {"id": e.id, "at": iso(e.at), "event": e.event, **_who(e.by), "detail": json.dumps(e.detail, default=str)}
        for e in entries
    ]


def history_line(proposed: ProposedMove, texts: Texts) -> str:
    """A line for people: when (UTC), who, and the outcome."""
    who = one_line(deciders(proposed))
    purpose = "" if proposed.purpose is Purpose.BALANCE else f"  ({texts.text(f'purpose-{proposed.purpose.value}')})"
    return f"{_short(proposed.decided_at)}  {who:<16}  {outcome_line(texts, proposed)}{purpose}"


def audit_line(entry: AuditEntry) -> str:
    detail = " ".join(f"{key}={value}" for key, value in entry.detail.items())
    return one_line(f"{entry.id:>6}  {_short(entry.at)}  {one_line(entry.by.name):<16}  {entry.event}  {detail}")


def as_json(rows: Sequence[Row]) -> str:
    """In ASCII, so that the file does not depend on the encoding of the terminal."""
    return json.dumps(list(rows), indent=1)


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """RFC 4180. A character that could start a formula in a spreadsheet gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
    return out.getvalue().removesuffix("\r\n")


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return "" if value is None else value
    return _FORMULA.sub(r"\1'\2", one_line(value))


def _who(actor: Actor | None) -> Row:
    return {"by": actor.name if actor else None, "by_id": actor.user_id if actor else None}


def _short(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else ""


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
