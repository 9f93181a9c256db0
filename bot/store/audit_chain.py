"""The hash chain of the audit trail: the seal of each entry covers all entries before it. Pure.

A changed, removed or inserted entry breaks every seal after it. A rewrite of the whole chain breaks no seal: so the
last seal (the head) is also written to the log, and can be compared with the chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

START = "0" * 64
"""The seal before the first entry."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A stored entry; each column is a text or a number. ``seal`` is ``None`` for entries older than the chain."""

    id: int
    at: str
    by_kind: str
    by_name: str
    by_id: int | None
    event: str
    detail: str
    seal: str | None


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of a verification. ``problems`` is empty if the chain is intact."""

    entries: int
    unsealed: int
    """How many entries are older than the chain; they cannot be verified."""
    head: str
    problems: tuple[str, ...]
    holds_noted: bool = False
    """Whether the chain contains the seal ``noted``."""


def seal(previous: str, entry: Sealed) -> str:
    """The SHA-256 of the entry and the previous seal, as 64 hexadecimal digits."""
    fields = [previous, entry.id, entry.at, entry.by_kind, entry.by_name, entry.by_id, entry.event, entry.detail]
    return hashlib.sha256(
        json.dumps(fields, ensure_ascii=True, separators=(",", ":"), default=repr).encode("ascii")
    ).hexdigest()


def verify(
    entries: Iterable[Sealed], newest_id: int, noted: str | None = None, after: tuple[int, str | None] = (0, None)
) -> Verified:
    """Verifies the whole chain in the order of the ids.

    Args:
        newest_id: the highest id that was ever used; it shows whether entries are missing at the end.
        noted: an earlier seal that the chain should contain.
        after: id and seal of the entry before the first one, if older entries were deleted.
    """
    problems: list[str] = []
    last_id, head = after[0], after[1] or START
    count = unsealed = 0
    holds_noted = after[0] > 0 and head == noted
    for entry in entries:
        count += 1
        if entry.id != last_id + 1:
            problems.append(f"between entry {last_id} and entry {entry.id} something is missing")
        last_id = entry.id
        if entry.seal is None and head == START:
            unsealed += 1
            continue
        if entry.seal != seal(head, entry):
            problems.append(f"entry {entry.id} ({entry.at}, {entry.event}) was changed, or one before it was")
        head = entry.seal or head
        holds_noted = holds_noted or head == noted
    if newest_id != last_id:
        problems.append(f"{newest_id - last_id} entries are missing after entry {last_id}")
    return Verified(count, unsealed, head, tuple(problems), holds_noted)
