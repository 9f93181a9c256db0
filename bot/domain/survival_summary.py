"""Whether a cluster has room for a lost node, in a few figures. Each check stores them, every process can read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from balancer.survival.values import Survival, SurvivalVerdict

SURVIVES_KEY = "cluster-survives-"
"""Followed by the cluster's id: the key of the setting that holds the summary."""


@dataclass(frozen=True, slots=True)
class SurvivalSummary:
    """The losses of one cluster, each node alone."""

    cluster_id: int
    cluster_name: str
    up_to: str
    losses: int
    no: int
    """For how many of them there is no room. ``undecided``: for how many it is not known."""
    undecided: int

    @staticmethod
    def of(survival: Survival) -> SurvivalSummary:
        """The summary of an answer."""
        return SurvivalSummary(
            survival.cluster_id,
            survival.cluster_name,
            survival.up_to,
            len(survival.losses),
            len(survival.having(SurvivalVerdict.NO)),
            len(survival.having(SurvivalVerdict.UNDECIDED)),
        )

    @property
    def verdict(self) -> SurvivalVerdict:
        """The verdict on all losses together."""
        return SurvivalVerdict.NO if self.no else SurvivalVerdict.UNDECIDED if self.undecided else SurvivalVerdict.YES

    def as_text(self) -> str:
        """The stored text."""
        return json.dumps(asdict(self))


def summaries_of(stored: Mapping[str, str]) -> dict[int, SurvivalSummary]:
    """Cluster -> its summary. ``stored``: settings of the database by key; other keys and broken values are ignored."""
    summaries = {}
    for key, value in sorted(stored.items()):
        if key.startswith(SURVIVES_KEY):
            try:
                summary = SurvivalSummary(**json.loads(value))
            except (TypeError, ValueError):  # of another version of the program; the next check writes it again
                continue
            summaries[summary.cluster_id] = summary
    return summaries
