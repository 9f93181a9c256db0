"""The heartbeat of the running program in its database, as a value and as JSON. Pure.

Small, without large imports: `vm-balancer health` reads it every few seconds in a container.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The program's state at one moment. The start of a failure is ``None`` while there is none."""

    at: datetime
    started_at: datetime
    pid: int
    host: str
    interval_s: int
    cycle_at: datetime | None = None
    """When the last check ended, with any outcome."""
    cycle_since: datetime | None = None
    """When the running check began."""
    succeeded: bool = False
    """Whether a check has succeeded since the start; checks of a paused program count as successful."""
    succeeded_at: datetime | None = None
    """When the last check succeeded; before the first, when the program started."""
    panel_since: datetime | None = None
    panel_problem: str | None = None
    chat_since: datetime | None = None
    chat_problem: str | None = None
    paused: bool = False
    stopped_at: datetime | None = None
    """When the program ended normally."""


def to_json(beat: Heartbeat) -> str:
    document = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(beat).items()}
    return json.dumps(document, ensure_ascii=False)


def from_json(text: str) -> Heartbeat:
    """
    Raises:
        ValueError: the text is no heartbeat.
    """
    document = json.loads(text)
    names = {f.name for f in fields(Heartbeat)}
    if not isinstance(document, dict):
        raise ValueError("no heartbeat")
    values = {name: _value(f"{name}", document[name]) for name in names & document.keys()}
    try:
        return Heartbeat(**values)
    except TypeError as error:
        raise ValueError(str(error)) from error


def _value(name: str, value: Any) -> Any:
    is_moment = name == "at" or name.endswith(("_at", "_since"))
    return datetime.fromisoformat(value) if is_moment and value is not None else value
