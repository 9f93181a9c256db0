"""What the panel answers beside its big lists: refusals, tasks, history, the migration form. Pure.

Sources: the API sheet, sections 2.3, 6 and 7. Versions differ in shape; every reader here takes all the
shapes that were seen, and says ``None`` or raises PanelDataError for any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar

from bot.domain.sanitize import shorten
from bot.errors import PanelDataError
from bot.panel import streaming, vocabulary
from bot.panel.fields import maybe_flag, moment, reference, text, whole
from bot.panel.lists import list_rows
from bot.panel.streaming import AnswerTooLarge, PackedBody
from bot.panel.vocabulary import TaskStatus, task_status

T = TypeVar("T")
Answerer = Literal["panel", "starting", "elsewhere", "stranger", "unclear"]

CODE_SESSION_ENDED = 1000
CODE_NOT_CALLABLE = 3001
_TEXT_LENGTH = 500
_WORDS = ("error", "msg", "message", "detail", "description")
"""Where a refusal of another shape has its words."""
_NAME, _STATUS = ("name", "intname", "type"), ("status", "state")
"""Where a task or a history row has its name and its state; the first is the one that was seen."""
_CREATED = ("date_create", "create_date", "created_at", "date")
"""Where a history row tells when it began; the first is the one that was seen."""


@dataclass(frozen=True, slots=True)
class MigrationStart:
    """The panel took the migration; its task carries this consul id (not the id of :meth:`VMManagerAPI.task`)."""

    consul_id: int


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A task; ``raw_status`` and ``output`` are the panel's own words on one line, ``output`` with the reason."""

    id: int
    """0 = the row of the list has none."""
    consul_id: int | None
    name: str | None
    status: TaskStatus
    raw_status: str
    output: str | None = None
    running_time_s: int | None = None
    waiting_time_s: int | None = None
    cluster_id: int | None = None
    """``None`` = the row does not tell, as in every shape that was seen."""

    @property
    def age_s(self) -> int | None:
        """Since it was created; ``None`` = the panel tells neither time."""
        times = [time for time in (self.running_time_s, self.waiting_time_s) if time is not None]
        return sum(times) if times else None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of a VM's history; ids grow with time.

    ``created_at`` without a zone: the panel does not tell it. ``None`` = no date, or none that can be read.
    """

    id: int | None
    """``None`` = this version of the panel sends none."""
    name: str | None
    status: TaskStatus
    raw_status: str
    task_id: int | None = None
    target_node_id: int | None = None
    created_at: datetime | None = None


# --- reading a body --------------------------------------------------------------------------------------


class Refusal(Exception):
    """The panel answered, but not with what was asked for: an error envelope, or a status that is not 2xx."""

    def __init__(self, status: int, code: int | None, words: str) -> None:
        super().__init__(words)
        self.status, self.code, self.words = status, code, words

    @property
    def session_ended(self) -> bool:
        return self.status != 503 and (self.status == 401 or self.code == CODE_SESSION_ENDED)


class NotJSON(Exception):
    """A 2xx answer that is something else: a page of a proxy, half of a document."""


def read_answer(
    status: int, body: bytes | PackedBody, read: Callable[[Any], T], each: streaming.Each | None = None
) -> T:
    """The body of a good answer through ``read``, its rows through ``each``; raises Refusal, NotJSON, or
    PanelDataError from one of these two. A body in parts is used up.

    Long lists take long to parse: the caller does this beside its event loop.
    """
    good = 200 <= status < 300
    try:
        document = _parse(body, each if good else None) if good or len(body) < 100_000 else None
    except AnswerTooLarge as error:
        raise PanelDataError(f"the panel's answer is too large: {error}") from error
    code, words = _envelope(document)
    if not good and not words and isinstance(document, dict):
        words = _first_words(document, _WORDS) or ""
    if not good or code is not None or words:
        raise Refusal(status, code, words)
    if document is _BROKEN:
        raise NotJSON
    return read(document)


_BROKEN: Any = object()


def _parse(body: bytes | PackedBody, each: streaming.Each | None = None) -> Any:
    try:
        return streaming.loads(body, each)
    except (ValueError, RecursionError):
        return _BROKEN


def document_of(body: bytes | PackedBody) -> Any:
    """The JSON of a body; ``None`` where it is something else."""
    try:
        document = _parse(body)
    except AnswerTooLarge:
        return None
    return None if document is _BROKEN else document


def _envelope(document: object) -> tuple[int | None, str]:
    """Code and message of ``{"error": {"code", "msg"}}``, or without the outer key as older texts print it."""
    if not isinstance(document, dict):
        return None, ""
    error = document.get("error")
    if not isinstance(error, dict):
        error = document if document and set(document) <= {"code", "msg", "value"} else {}
    return whole(error.get("code")), shorten(text(error.get("msg")) or "", _TEXT_LENGTH)


def answerer(status: int, body: bytes) -> Answerer:
    """Who answered a request without a session: the panel refuses it in its envelope, others with a page.

    ``unclear`` = nothing that the panel would not send too, such as a bare 401.
    """
    if status == 503 or 300 <= status < 400:
        return "starting" if status == 503 else "elsewhere"
    try:
        document = _parse(body) if len(body) < 100_000 else _BROKEN
    except AnswerTooLarge:
        document = _BROKEN
    if status != 404 and (_envelope(document)[0] is not None or _is_list(document)):
        return "panel"
    return "unclear" if status in (401, 403) or status >= 500 else "stranger"


def _is_list(document: object) -> bool:
    return isinstance(document, dict) and isinstance(document.get("list"), list)


class Page(NamedTuple):
    """The rows of a list answer, and how many rows match in all (``None`` = the panel does not say)."""

    rows: list[Any]
    size: int | None


def page(document: object, what: str) -> Page:
    """PanelDataError when the answer is no list."""
    size = whole(document.get("size")) if isinstance(document, dict) else None
    rows = document.get("list") if isinstance(document, dict) else document
    return Page(list_rows(rows, what), size)


# --- readers ---------------------------------------------------------------------------------------------


def token(document: object) -> str | None:
    """The session token of a login answer; one that could not stand in a header is none."""
    value = document.get("token") if isinstance(document, dict) else None
    usable = isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value
    return value or None if usable else None


def migration_start(document: object) -> MigrationStart:
    """``id`` of this answer is the VM's, ``task`` the consul id."""
    consul_id = reference(document.get("task")) if isinstance(document, dict) else None
    if consul_id is None:
        raise PanelDataError("the panel named no task")
    return MigrationStart(consul_id)


def task(document: object) -> TaskInfo:
    """``{"task": {…}}``, the flat object, or a list with this one row."""
    row = document.get("task") if isinstance(document, dict) and isinstance(document.get("task"), dict) else document
    rows = row.get("list") if isinstance(row, dict) else None
    if isinstance(rows, list) and len(rows) == 1:
        row = rows[0]
    if not isinstance(row, dict) or reference(row.get("id")) is None:
        raise PanelDataError("the panel's answer describes no task")
    return _task_row(row)


def _task_row(row: Mapping[str, Any]) -> TaskInfo:
    raw = _first_words(row, _STATUS) or ""
    return TaskInfo(
        id=reference(row.get("id")) or 0,
        consul_id=whole(row.get("consul_id")),
        name=_first_words(row, _NAME),
        status=task_status(raw),
        raw_status=raw,
        output=_words(row.get("output")),
        running_time_s=whole(row.get("running_time")),
        waiting_time_s=whole(row.get("waiting_time")),
        cluster_id=reference(row.get("cluster")),
    )


def tasks(document: object) -> list[TaskInfo]:
    """A list of tasks, migrations first, newest first. A row that is no object is left out."""
    parsed = [_task_row(row) for row in list_rows(document, "task") if isinstance(row, dict)]
    return sorted(parsed, key=lambda one: (one.name != vocabulary.MIGRATE_TASK, -one.id))


def history(document: object) -> list[HistoryRow]:
    """Newest first where the rows have ids, else as the panel sends them. A row that is no object is left out."""
    rows = [_history_row(row) for row in list_rows(document, "history row") if isinstance(row, dict)]
    return sorted(rows, key=lambda row: -(row.id or 0))


def _history_row(row: Mapping[str, Any]) -> HistoryRow:
    raw = _first_words(row, _STATUS[::-1]) or ""
    params = row.get("params")
    return HistoryRow(
        id=reference(row.get("id")),
        name=_first_words(row, _NAME),
        status=task_status(raw),
        raw_status=raw,
        task_id=reference(row.get("task")),
        target_node_id=reference(params.get("node")) if isinstance(params, dict) else None,
        created_at=next((date for key in _CREATED if (date := moment(row.get(key))) is not None), None),
    )


def suitable_nodes(document: object) -> dict[int, bool] | None:
    """Node -> the panel's own verdict, of the migration form; ``None`` when this is no such form."""
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
    """``{"metadata": {"internal_name": …}}`` or the flat object."""
    inner = document.get("metadata") if isinstance(document, dict) else None
    row = inner if isinstance(inner, dict) else document
    return _words(row.get("internal_name")) if isinstance(row, dict) else None


def datapoints(document: object) -> list[tuple[datetime, float]] | None:
    """Moments and values of a metric, oldest first: ``[{"datapoints": [[value, unix time], …]}]``; ``None`` where this
    is no such answer. Points without a value are left out."""
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
    """A finite number from 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def version(document: object) -> str | None:
    """The shape of this answer is not documented: a text, or an object that has it under a likely key."""
    if isinstance(document, dict):
        document = next((document[key] for key in ("version", "current_version") if key in document), None)
    return _words(document) if isinstance(document, str) else None


def roles(document: object, username: str) -> tuple[str, ...] | None:
    """The roles in an account, in a list of accounts (then of the one with this e-mail), or ``None``."""
    if not isinstance(document, dict):
        return None
    rows = document.get("list")
    if isinstance(rows, list):
        mine = [row for row in rows if isinstance(row, dict) and _is_of(row, username)]
        return roles(mine[0], username) if len(mine) == 1 else None
    names = vocabulary.roles(document.get("roles"))
    if names is not None:
        return names
    inner = next((document[key] for key in ("account", "user") if isinstance(document.get(key), dict)), None)
    return roles(inner, username) if inner else None


def _is_of(row: Mapping[str, Any], username: str) -> bool:
    return (text(row.get("email")) or "").casefold() == username.casefold()


def _first_words(row: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    return next((words for key in keys if (words := _words(row.get(key))) is not None), None)


def _words(value: object) -> str | None:
    words = text(value)
    return shorten(words, _TEXT_LENGTH) or None if words else None
