"""Rate limits of Telegram, and faults that a test injects.

Limits follow Telegram's FAQ: one message a second to a chat (short bursts pass), twenty a minute to a
group, thirty a second overall. Edits count like new messages, except for the limit of twenty.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

from sandbox.chat.model import Json, too_many_requests

FAULT_KINDS = ("400", "429", "502", "timeout", "sent_then_timeout", "403", "drop", "slow", "409")


@dataclass(frozen=True)
class LimitSettings:
    enabled: bool = True
    chat_per_second: float = 1.0
    chat_burst: int = 10
    group_per_minute: int = 20
    overall_per_second: float = 30.0

    def changed(self, wish: str | Json) -> LimitSettings:
        """`telegram`, `off`, or some of the fields by name. ValueError for anything else."""
        if wish in ("telegram", "off"):
            return replace(self, enabled=wish == "telegram")
        names = {entry.name for entry in fields(self)}
        if isinstance(wish, str) or not set(wish) <= names:
            raise ValueError(f"limits: telegram, off, or an object with {', '.join(sorted(names))}")
        return replace(self, **wish)


@dataclass
class _Bucket:
    tokens: float
    at: float

    def wait(self, rate: float, burst: float, now: float) -> float:
        """Seconds until one more message is allowed; 0 = now."""
        self.tokens = min(burst, self.tokens + (now - self.at) * rate)
        self.at = now
        return 0.0 if self.tokens >= 1 else (1 - self.tokens) / rate


class Limits:
    def __init__(self, settings: LimitSettings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self._clock = clock
        self._buckets: dict[object, _Bucket] = {}

    def spend(self, chat_id: int, sending: bool) -> None:
        """Raises 429 when the chat, the group or the whole bot is over its limit."""
        settings = self.settings
        if not settings.enabled:
            return
        wanted: list[tuple[object, float, float]] = [
            ("overall", settings.overall_per_second, settings.overall_per_second),
            (("chat", chat_id), settings.chat_per_second, settings.chat_burst),
        ]
        if chat_id < 0 and sending:
            per_minute = settings.group_per_minute
            wanted.append((("group", chat_id), per_minute / 60, per_minute))
        now = self._clock()
        buckets = [self._buckets.setdefault(key, _Bucket(burst, now)) for key, _, burst in wanted]
        waits = [bucket.wait(rate, burst, now) for bucket, (_, rate, burst) in zip(buckets, wanted, strict=True)]
        if max(waits) > 0:
            raise too_many_requests(max(1, math.ceil(max(waits))))
        for bucket in buckets:
            bucket.tokens -= 1


@dataclass
class Fault:
    """Applies to the next `count` calls (of `method`, if given).

    `seconds`: how long slow and timeout take. `description`: the text of a 400 or 403 instead of the usual one.
    """

    kind: str
    method: str | None = None
    count: int = 1
    retry_after: int = 1
    seconds: float | None = None
    chat_id: int | None = None
    description: str | None = None

    @classmethod
    def from_json(cls, body: Json) -> Fault:
        known = {entry.name for entry in fields(cls)}
        if not set(body) <= known:
            raise ValueError(f"a fault has {', '.join(sorted(known))}")
        fault = cls(**{**body, "kind": str(body.get("kind", ""))})
        if fault.kind not in FAULT_KINDS:
            raise ValueError(f"kind is one of {', '.join(FAULT_KINDS)}")
        return fault

    @property
    def duration_s(self) -> float:
        if self.seconds is not None:
            return self.seconds
        return 2.0 if self.kind == "slow" else 120.0


@dataclass
class Faults:
    waiting: list[Fault] = field(default_factory=list)

    def take(self, method: str, chat_id: int | None) -> Fault | None:
        for fault in self.waiting:
            if fault.method is None:
                # The bot polls all the time: a poll must not use up a fault that is meant for another call
                hit = method != "getupdates" or fault.kind == "409"
            else:
                hit = fault.method.lower() == method
            if not hit or fault.chat_id not in (None, chat_id):
                continue
            fault.count -= 1
            if fault.count <= 0:
                self.waiting.remove(fault)
            return fault
        return None
