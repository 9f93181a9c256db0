"""The moves that assist mode would have started in the recorded days. Pure values, and their text in the database."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

SHADOW_KEY = "shadow"
"""Key of the last count among the settings of the database."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """``clusters``: cluster -> how many of its proposed moves were harmless, and how many were proposed."""

    since: datetime
    """The first recorded check."""
    at: datetime
    """When this was counted."""
    clusters: Mapping[int, tuple[int, int]]

    @property
    def days(self) -> int:
        """How many days were counted, rounded up."""
        return max(1, -(-int((self.at - self.since).total_seconds()) // 86_400))

    def counts(self, clusters: Collection[int] | None = None) -> tuple[int, int]:
        """Harmless moves and all moves in these clusters (``None`` = in all)."""
        shown = [pair for i, pair in self.clusters.items() if clusters is None or i in clusters]
        return sum(done for done, _ in shown), sum(total for _, total in shown)

    def line(self, clusters: Collection[int] | None = None) -> tuple[int, int, int] | None:
        """Days, harmless moves and all moves in these clusters; ``None``: nothing was proposed there."""
        done, total = self.counts(clusters)
        return (self.days, done, total) if total else None

    def to_text(self) -> str:
        """JSON, as it is stored."""
        clusters = {str(i): pair for i, pair in self.clusters.items()}
        return json.dumps({"since": self.since.isoformat(), "at": self.at.isoformat(), "clusters": clusters})

    @staticmethod
    def of_text(text: str) -> Shadow | None:
        """``None``: the text is none of this version."""
        try:
            raw = json.loads(text)
            clusters = {int(i): (int(pair[0]), int(pair[1])) for i, pair in raw["clusters"].items()}
            return Shadow(datetime.fromisoformat(raw["since"]), datetime.fromisoformat(raw["at"]), clusters)
        except (ValueError, LookupError, TypeError, AttributeError):
            return None
