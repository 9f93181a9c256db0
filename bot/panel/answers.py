"""Reads the panel's answers about one VM and about tasks: tasks, history, the migration form, metrics. Pure.

Sources: the API sheet, sections 6 and 7. The shape of answers differs between versions. Each reader accepts all known
shapes, and returns ``None`` or raises PanelDataError for any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.errors import PanelDataError
from bot.panel import vocabulary
from bot.panel.fields import first_words, maybe_flag, moment, reference, whole, words
from bot.panel.lists import list_rows
from bot.panel.vocabulary import TaskStatus, task_status

_NAME, _STATUS = ("name", "intname", "type"), ("status", "state")
"""Fields for the name and the state of a task or history row; real panels send the first one."""
_CREATED = ("date_create", "create_date", "created_at", "date")
"""Fields for the begin of a history row; real panels send the first one."""


@dataclass(frozen=True, slots=True)
class MigrationStart:
    """The panel accepted the migration. Its task has this consul id (not the id of :meth:`VMManagerAPI.task`)."""

    consul_id: int


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A task; ``raw_status`` and ``output`` are the panel's own words on one line, ``output`` with the reason."""

    id: int
    """0 = the row of the list has no id."""
    consul_id: int | None
    name: str | None
    status: TaskStatus
    raw_status: str
    output: str | None = None
    running_time_s: int | None = None
    waiting_time_s: int | None = None
    cluster_id: int | None = None
    """``None`` = the row has no cluster, as in all known shapes."""

    @property
    def age_s(self) -> int | None:
        """Seconds since the creation; ``None`` = one of the two times is missing."""
        times = [time for time in (self.running_time_s, self.waiting_time_s) if time is not None]
        return sum(times) if times else None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of a VM's history; ids grow with time.

    ``created_at`` has no zone if the panel sends none; ``None`` = no readable date.
    """

    id: int | None
    """``None`` = this version of the panel sends no ids."""
    name: str | None
    status: TaskStatus
    raw_status: str
    task_id: int | None = None
    target_node_id: int | None = None
    created_at: datetime | None = None


def migration_start(document: object) -> MigrationStart:
    """Reads the answer to a start: ``id`` is of the VM, ``task`` is the consul id."""
    consul_id = reference(document.get("task")) if isinstance(document, dict) else None
    if consul_id is None:
        raise PanelDataError("the panel named no task")
    return MigrationStart(consul_id)


def task(document: object) -> TaskInfo:
    """Reads one task: ``{"task": {…}}``, the flat object, or a list with a single row."""
    row = document.get("task") if isinstance(document, dict) and isinstance(document.get("task"), dict) else document
    rows = row.get("list") if isinstance(row, dict) else None
    if isinstance(rows, list) and len(rows) == 1:
        row = rows[0]
    if not isinstance(row, dict) or reference(row.get("id")) is None:
        raise PanelDataError("the panel's answer describes no task")
    return _task_row(row)


def _task_row(row: Mapping[str, Any]) -> TaskInfo:
    raw = first_words(row, _STATUS) or ""
    return TaskInfo(
        id=reference(row.get("id")) or 0,
        consul_id=whole(row.get("consul_id")),
        name=first_words(row, _NAME),
        status=task_status(raw),
        raw_status=raw,
        output=words(row.get("output")),
        running_time_s=whole(row.get("running_time")),
        waiting_time_s=whole(row.get("waiting_time")),
        cluster_id=reference(row.get("cluster")),
    )


def tasks(document: object) -> list[TaskInfo]:
    """Reads a list of tasks: migrations first, newest first. A row that is no object is left out."""
    parsed = [_task_row(row) for row in list_rows(document, "task") if isinstance(row, dict)]
    return sorted(parsed, key=lambda one: (one.name != vocabulary.MIGRATE_TASK, -one.id))


def history(document: object) -> list[HistoryRow]:
    """Reads a history: newest first if the rows have ids, else in the panel's order. Skips rows that are no objects."""
    rows = [_history_row(row) for row in list_rows(document, "history row") if isinstance(row, dict)]
    return sorted(rows, key=lambda row: -(row.id or 0))


def _history_row(row: Mapping[str, Any]) -> HistoryRow:
    raw = first_words(row, _STATUS[::-1]) or ""
    params = row.get("params")
    return HistoryRow(
        id=reference(row.get("id")),
        name=first_words(row, _NAME),
        status=task_status(raw),
        raw_status=raw,
        task_id=reference(row.get("task")),
        target_node_id=reference(params.get("node")) if isinstance(params, dict) else None,
        created_at=next((date for key in _CREATED if (date := moment(row.get(key))) is not None), None),
    )


def suitable_nodes(document: object) -> dict[int, bool] | None:
    """Node -> the panel's own verdict in the migration form; ``None`` if the answer is no such form."""
    rows = document
    if isinstance(document, dict):
        rows = document.get("nodes", document.get("list"))
    if not isinstance(rows, list) or (not rows and isinstance(document, list)):
        return None
    verdicts: dict[int, bool] = {}
    for row in rows:
        number = reference(row.get("id", row.get("node"))) if isinstance(row, dict) else None
        verdict = maybe_flag(row.get("suitable")) if isinstance(row, dict) else None
        if number is not None and verdict is not None:
            verdicts[number] = verdict
    return verdicts if verdicts or not rows else None


def internal_name(document: object) -> str | None:
    """Reads the libvirt name: ``{"metadata": {"internal_name": …}}`` or the flat object."""
    inner = document.get("metadata") if isinstance(document, dict) else None
    row = inner if isinstance(inner, dict) else document
    return words(row.get("internal_name")) if isinstance(row, dict) else None


def datapoints(document: object) -> list[tuple[datetime, float]] | None:
    """The times and values of a metric, oldest first: ``[{"datapoints": [[value, unix time], …]}]``; ``None`` if the
    answer has another shape. Points without a value are left out."""
    series = document.get("list", document) if isinstance(document, dict) else document
    series = series[0] if isinstance(series, list) and series else series
    points = series.get("datapoints") if isinstance(series, dict) else None
    if not isinstance(points, list):
        return [] if document == [] else None
    read = []
    for point in points:
        if isinstance(point, list) and len(point) == 2:
            value, at = _figure(point[0]), moment(point[1])
            if value is not None and at is not None and at.tzinfo is not None:
                read.append((at, value))
    return sorted(read)


def _figure(value: object) -> float | None:
    """A finite number of at least 0; else ``None``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None
