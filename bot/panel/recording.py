"""Makes a panel's answers safe to share: keeps shapes and figures, removes names and secrets. Pure.

Only values of an allow-list are kept (recorded_words.py): figures, booleans, versions and the words of vocabularies.
Ids are renumbered in the same order, so that a plan from the recording is the same. Every other text becomes a
placeholder. Equal texts get equal placeholders, so that equal placement filters stay equal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.panel.recorded_words import is_figure, is_numeric_text, is_version, is_vocabulary

FORMAT = "vm-balancer-recording-1"
_LONGEST_ID = 17
ROWS_KEPT = 20
"""How many rows of a list are kept; for the other rows only statistics of their keys are kept."""

ACTIVE_TASKS = "/vm/v3/task?where=(status+EQ+'running'+OR+status+EQ+'created')"
"""The request for all unfinished tasks."""

_WORDS = frozenset(
    {"state", "status", "balancer_mode", "maintenance_mode", "virtualization_type", "datacenter_type", "type"}
    | {"roles", "ha_state", "ha_error", "cpu_mode", "host_distribution_policy", "iso_status", "os_group", "entity"}
)
_VERSIONS = frozenset({"qemu_version", "kernel_version", "os_version", "version"})
_KEY = re.compile(r"[A-Za-z0-9_]{1,48}")
"""The name of a field. A key with a dot is a host name or an address."""
_REFERENCES = {"node": "node", "cluster": "cluster", "host": "vm", "account": "account", "task": "task"}
_INNER = {**_REFERENCES, "nodes": "node", "hosts": "vm"}
"""Key of an object or of a list of objects -> the kind of their ids."""
_STARTED = {"id": "vm", "task": "consul"}
"""The kinds of ids in the answer to a start: here ``task`` is a consul id; in a history row it is not."""
_KIND_OF_LIST = {"/vm/v3/cluster": "cluster", "/vm/v3/node": "node", "/vm/v3/host": "vm", "/vm/v3/task": "task"}
_PLACEHOLDERS = (
    ("mail", re.compile(r"[^@\s]+@[^@\s]+")),
    ("mac", re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")),
    ("ip", re.compile(r"[0-9.]{7,15}(/\d+)?|[0-9A-Fa-f:]*:[0-9A-Fa-f:]+(/\d+)?")),
)


@dataclass
class Anonymizer:
    """Rewrites the answers of one recording consistently. Call ``learn`` with every answer before the first rewrite."""

    _ids: dict[str, set[int]] = field(default_factory=dict)
    _numbers: dict[str, dict[int, int]] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    def learn(self, document: object, kind: str) -> None:
        """Collects the ids in an answer whose rows are of this kind."""
        for own_id, number in _ids_in(document, kind):
            self._ids.setdefault(own_id, set()).add(number)
        self._numbers.clear()

    def number(self, kind: str, original: int) -> int:
        """The new id of an old one. The order of ids stays the same."""
        if kind not in self._numbers:
            ordered = sorted(self._ids.get(kind, ()))
            self._numbers[kind] = {old: new for new, old in enumerate(ordered, start=1)}
        return self._numbers[kind].get(original, 0)

    def rewrite(self, value: Any, kind: str, key: str = "") -> Any:
        """The value without names and secrets."""
        if isinstance(value, dict):
            inner = _inner_kind(kind, key)
            return {self._key(name): self.rewrite(item, inner, str(name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.rewrite(item, kind, key) for item in value]
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, (int, float)):
            return self._figure(value, kind, key)
        return self._text(str(value), kind, key)

    def _figure(self, value: float, kind: str, key: str) -> Any:
        of = _kind_of_id(kind, key)
        if of is not None and isinstance(value, int):
            return self.number(of, value)
        return value if is_figure(key, value) else type(value)(0)

    def _text(self, text: str, kind: str, key: str) -> str:
        of = _kind_of_id(kind, key)
        if of is not None and text.isdecimal():
            return str(self.number(of, int(text)))
        if key == "token":
            return "token"
        kept = (
            not text
            or ((key in _WORDS or (key == "name" and kind in ("task", "history"))) and is_vocabulary(text))
            or (key in _VERSIONS and is_version(text))
            or is_numeric_text(key, text)
        )
        return text if kept else self._placeholder(text, kind if key == "name" else key)

    def _placeholder(self, text: str, key: str) -> str:
        if text not in self._texts:
            kind = next((name for name, pattern in _PLACEHOLDERS if pattern.fullmatch(text)), _safe(key) or "text")
            self._counts[kind] += 1
            self._texts[text] = f"{kind}-{self._counts[kind]}"
        return self._texts[text]

    def _key(self, name: object) -> str:
        return str(name) if _KEY.fullmatch(str(name)) else self._placeholder(str(name), "key")


def _inner_kind(kind: str, key: str) -> str:
    return _INNER.get(key, kind if key in ("", "list") else key)


def _kind_of_id(kind: str, key: str) -> str | None:
    """The kind of id under this key; ``None`` = the value is no id."""
    if kind == "started":
        return _STARTED.get(key)
    if key == "id":
        return kind
    return "consul" if key == "consul_id" else _REFERENCES.get(key)


def kind_of(path: str, method: str = "GET") -> str:
    """The kind of the rows of an answer, by its request."""
    bare = path.partition("?")[0]
    if method == "POST":
        return "started"
    if bare.endswith("/history"):
        return "history"
    if bare.endswith("/migrate"):
        return "form"
    return _KIND_OF_LIST.get(bare) or _KIND_OF_LIST.get(bare.rpartition("/")[0], "other")


def statistics(document: object) -> dict[str, dict[str, Any]]:
    """Key path -> its JSON types with their counts and the share of nulls, over the whole answer."""
    types: dict[str, Counter[str]] = {}
    for path, value in _leaves(document, ""):
        types.setdefault(path, Counter())[type(value).__name__] += 1
    return {
        path: {"types": dict(sorted(counts.items())), "nulls": round(counts["NoneType"] / sum(counts.values()), 3)}
        for path, counts in sorted(types.items())
    }


def shortened(document: Any) -> Any:
    """A list answer with its first rows."""
    if isinstance(document, dict) and isinstance(document.get("list"), list):
        return {**document, "list": document["list"][:ROWS_KEPT]}
    return document[:ROWS_KEPT] if isinstance(document, list) else document


def _ids_in(value: Any, kind: str, key: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        inner = _inner_kind(kind, key)
        for name, item in value.items():
            yield from _ids_in(item, inner, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _ids_in(item, kind, key)
    elif not isinstance(value, bool) and str(value).isdecimal() and len(str(value)) < _LONGEST_ID:
        of = _kind_of_id(kind, key)
        if of is not None:
            yield of, int(value)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            part = str(name) if _KEY.fullmatch(str(name)) else "*"
            yield from _leaves(item, f"{path}.{part}" if path else part)
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item, f"{path}[]")
    else:
        yield path, value


def _safe(key: str) -> str:
    return key if _KEY.fullmatch(key) else ""


def unknown_keys(statistic: Mapping[str, object], known: Iterable[str]) -> list[str]:
    """The fields of list rows that the client does not read."""
    names = {path.split("[].", 1)[1].split(".")[0].split("[")[0] for path in statistic if path.startswith("list[].")}
    return sorted(names - set(known))
