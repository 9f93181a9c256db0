"""Reads the ledger from another process. Separate from ``readonly``, which has to be quick to import."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from pathlib import Path

from bot.domain.promise_verdicts import VERDICT_TIME, BrokenPromises
from bot.errors import StoreError
from bot.store import rows
from bot.store.outcome_rows import outcome_of
from bot.store.outcomes import NAMES, RECENT_OUTCOMES, grouped, verdicts
from bot.store.reading import UNDECODABLE
from bot.store.readonly import looking_at


def broken_promises_of(path: Path, now: datetime) -> tuple[BrokenPromises, ...]:
    """Clusters whose moves bring less than promised; empty for a database of an older version.

    Raises:
        StoreError: the database cannot be read.
    """
    with looking_at(path) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'outcome'").fetchone():
            return ()
        db.row_factory = sqlite3.Row
        records = db.execute(RECENT_OUTCOMES, (rows.to_text(now - VERDICT_TIME),)).fetchall()
        try:
            by_cluster = grouped((r["cluster_id"], outcome_of(r)) for r in records)
        except UNDECODABLE as error:
            raise StoreError(f"the database {path} cannot be read: {error}") from error
        names = {r["cluster_id"]: r["name"] for r in db.execute(NAMES, (json.dumps(list(by_cluster)),))}
    return verdicts(by_cluster, names)
