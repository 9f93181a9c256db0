"""The hash chain of the audit trail: each entry is sealed together with all before it. Pure.

Whoever changes, removes or inserts an entry breaks every seal after it. Whoever rewrites the whole chain
does not: so its end (the head) is also written to the log, and can be compared with what was noted there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

START = "0" * 64
"""What the first entry is chained to."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry as it is stored, every column a text or a number. ``seal`` is ``None`` from before the chain."""

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
    """What a walk along the chain found. ``problems`` is empty when nobody touched it."""

    entries: int
    unsealed: int
    """Entries from before the chain began: nothing can be said of them."""
    head: str
    problems: tuple[str, ...]
    holds_noted: bool = False
    """Whether the seal that was asked for is one of the chain."""


def seal(previous: str, entry: Sealed) -> str:
    """The SHA-256 of the entry and of the seal before it, as 64 hexadecimal digits."""
    fields = [previous, entry.id, entry.at, entry.by_kind, entry.by_name, entry.by_id, entry.event, entry.detail]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii")).hexdigest()


def verify(
    entries: Iterable[Sealed], newest_id: int, noted: str | None = None, after: tuple[int, str | None] = (0, None)
) -> Verified:
    """Walks the whole chain in the order of the ids.

    Args:
        newest_id: the highest id that was ever given out; entries missing at the end show by it.
        noted: a seal from earlier, to be found in the chain.
        after: id and seal of the entry before the first, where older ones were let go.
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
