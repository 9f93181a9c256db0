"""Reads the body of an answer: the requested data, a refusal, or something else; and tells who answered. Pure.

Source: the API sheet, section 2.3. Answers about single VMs and tasks are in answers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from bot.domain.sanitize import shorten
from bot.errors import PanelDataError
from bot.panel import fields, streaming, vocabulary
from bot.panel.fields import text, whole
from bot.panel.lists import list_rows
from bot.panel.streaming import AnswerTooLarge, PackedBody

T = TypeVar("T")
Answerer = Literal["panel", "starting", "elsewhere", "stranger", "unclear"]

CODE_SESSION_ENDED = 1000
CODE_NOT_CALLABLE = 3001
_TEXT_LENGTH = 500
_WORDS = ("error", "msg", "message", "detail", "description")
"""Fields for the message of a refusal in another shape."""


# --- reading a body --------------------------------------------------------------------------------------


class Refusal(Exception):
    """The panel refused the request: an error envelope, or a status other than 2xx."""

    def __init__(self, status: int, code: int | None, words: str) -> None:
        super().__init__(words)
        self.status, self.code, self.words = status, code, words

    @property
    def session_ended(self) -> bool:
        return self.status != 503 and (self.status == 401 or self.code == CODE_SESSION_ENDED)


class NotJSON(Exception):
    """A 2xx answer that is no JSON, such as a page of a proxy or a cut document."""


def read_answer(
    status: int, body: bytes | PackedBody, read: Callable[[Any], T], each: streaming.Each | None = None
) -> T:
    """The body of a good answer, read by ``read``, its rows by ``each``. A packed body is consumed.

    Raises Refusal, NotJSON, or PanelDataError from ``read`` or ``each``. Long lists take long to parse: call this in a
    thread.
    """
    good = 200 <= status < 300
    try:
        document = _parse(body, each if good else None) if good or len(body) < 100_000 else None
    except AnswerTooLarge as error:
        raise PanelDataError(f"the panel's answer is too large: {error}") from error
    code, words = _envelope(document)
    if not good and not words and isinstance(document, dict):
        words = fields.first_words(document, _WORDS) or ""
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
    """The JSON of a body; ``None`` if it is no JSON."""
    try:
        document = _parse(body)
    except AnswerTooLarge:
        return None
    return None if document is _BROKEN else document


def _envelope(document: object) -> tuple[int | None, str]:
    """Code and message of ``{"error": {"code", "msg"}}``, also without the outer key, as in older documents."""
    if not isinstance(document, dict):
        return None, ""
    error = document.get("error")
    if not isinstance(error, dict):
        error = document if document and set(document) <= {"code", "msg", "value"} else {}
    return whole(error.get("code")), shorten(text(error.get("msg")) or "", _TEXT_LENGTH)


def answerer(status: int, body: bytes) -> Answerer:
    """Who answered a request without a session: the panel sends its envelope, other servers send a page.

    ``unclear`` = an answer that the panel may send too, such as a 401 without a body.
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
    """The rows of a list answer, and the total number of rows (``None`` = the panel does not give it)."""

    rows: list[Any]
    size: int | None


def page(document: object, what: str) -> Page:
    """Reads a list answer. Raises PanelDataError if it is no list."""
    size = whole(document.get("size")) if isinstance(document, dict) else None
    rows = document.get("list") if isinstance(document, dict) else document
    return Page(list_rows(rows, what), size)


# --- readers ---------------------------------------------------------------------------------------------


def token(document: object) -> str | None:
    """The session token of a login answer; ``None`` also if it is not valid in a header."""
    value = document.get("token") if isinstance(document, dict) else None
    usable = isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value
    return value or None if usable else None


def version(document: object) -> str | None:
    """The version. The shape of this answer is not documented: a text, or an object with a probable key."""
    if isinstance(document, dict):
        document = next((document[key] for key in ("version", "current_version") if key in document), None)
    return fields.words(document) if isinstance(document, str) else None


def roles(document: object, username: str) -> tuple[str, ...] | None:
    """The roles of an account, or in a list of accounts of the one with this e-mail; ``None`` = unknown."""
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
