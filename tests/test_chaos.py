"""A short chaos run, and proof that its auditor notices violations. `make chaos` makes the long runs."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos import Figures, chaos
from chaos_audit import Auditor
from chaos_world import Start


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hides the log lines about injected faults."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
async def test_day_with_faults_violates_no_invariant(tmp_path: Path) -> None:
    figures, audit = await chaos(7, 12, tmp_path)
    audit.judge(figures)
    assert audit.violations == []
    assert audit.rows and audit.world.starts and audit.decisions, "nothing happened"
    assert sum(figures.faults.values()) > 5 and len(audit.notices) > 0
    for break_it, words in BREAKS:
        assert noticed(audit, figures, break_it, words), f"the auditor overlooks: {words}"


def noticed(audit: Auditor, figures: Figures, break_it: object, words: str) -> bool:
    """Whether the auditor reports falsified records; they are restored afterwards."""
    kept = {name: getattr(audit, name).copy() for name in ("rows", "decisions", "notices", "_records", "_posts")}
    starts = audit.world.starts.copy()
    audit.violations.clear()
    break_it(audit)  # type: ignore[operator]
    audit.judge(figures)
    result = any(words in line for line in audit.violations)
    for name, value in kept.items():
        setattr(audit, name, value)
    audit.world.starts = starts
    return result


def _second_start(audit: Auditor) -> None:
    audit.world.starts.append(audit.world.starts[-1])
    audit._records.append(audit._records[-1])


def _second_post(audit: Auditor) -> None:
    start = audit.world.starts[0]
    audit._posts[start.vm_id, start.target] += 9


def _lost_row(audit: Auditor) -> None:
    del audit.rows[_row_of(audit, audit.world.starts[0])]


def _row_of(audit: Auditor, start: Start) -> int:
    return next(r.id for r in audit.rows.values() if (r.vm_id, r.target) == (start.vm_id, start.target))


def _open_row(audit: Auditor) -> None:
    first = min(audit.rows)
    audit.rows[first] = dataclasses.replace(audit.rows[first], state="running")


def _lost_decision(audit: Auditor) -> None:
    audit.decisions.pop(next(iter(audit.pressed_moves)))


def _repeated_notice(audit: Auditor) -> None:
    audit.notices.append(audit.notices[-1])


def _illegal(audit: Auditor) -> None:
    audit.world.starts[0] = dataclasses.replace(audit.world.starts[0], offences=("node 2 would be overloaded",))


BREAKS = (
    (_second_start, "has 0 records"),
    (_second_post, "was sent to node"),
    (_lost_row, "records"),
    (_open_row, "left open"),
    (_lost_decision, "is recorded as None"),
    (_repeated_notice, "was told 2 times"),
    (_illegal, "would be overloaded"),
)
