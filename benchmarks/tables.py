"""The records of one run as markdown. Pure: records in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.peers import CLEAR, EVEN, OUR
from benchmarks.referee import MILESTONES

Record = Mapping[str, Any]
NOT_REACHED = "·"
SAME = 1e-9
OPTIMAL_ROWS = tuple(f"{OUR}optimal, {goal}" for goal in ("moves", "memory", "time"))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return [*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows), ""]


def rows_of(record: Record, task: str) -> list[Record]:
    """The planners that were judged by this task; a failed one last."""
    rows = [row for row in record["rows"] if task in row["tasks"]]
    return sorted(rows, key=lambda row: "problem" in row)


def clearing_table(records: Sequence[Record]) -> list[str]:
    head = ("instance", "planner", "overloaded", "moves", "GiB", "rejected", "planning s", "whole s", "MiB", "runs")
    rows: list[tuple[object, ...]] = []
    for record in records:
        bound = record.get("bounds", {}).get("clear")
        rows.append((f"**{record['name']}**", "*proven bound*", *_bound_cells(bound), "", "", "", "", ""))
        rows += [_clearing_row(row) for row in rows_of(record, CLEAR)]
    return table(head, rows)


def _bound_cells(bound: Record | None) -> tuple[str, str, str]:
    if bound is None:
        return ("", "–", "–")
    return (f"{bound['overloaded']} → {bound['unclearable']}", f"≥ {bound['moves']}", f"≥ {bound['gib']:.0f}")


def _clearing_row(row: Record) -> tuple[object, ...]:
    if "problem" in row:
        return ("", row["planner"], f"failed: {row['problem']}", *[""] * 6, row["runs"])
    stopped = " (stopped)" if "stopped by time" in row["ends"] or "not started" in row["ends"] else ""
    moves = str(row["accepted"])
    if row["planner"].startswith(OUR) and isinstance(row.get("bound"), dict) and row["bound"].get("moves") is not None:
        moves += f" (own bound {row['bound']['moves']})"
    return (
        "",
        row["planner"],
        f"{row['overloaded_before']} → {row['overloaded_after']}{stopped}",
        moves,
        f"{row['gib']:.0f}",
        row["rejected"],
        seconds(row["plan_s"]),
        seconds(row["wall_s"]),
        f"{row['rss_mib']:.0f}",
        row["runs"],
    )


def spread_table(records: Sequence[Record]) -> list[str]:
    ks = [k for k in MILESTONES if k <= 2000]
    head = ("instance", "planner", "moves", "rejected", "end", *(f"J@{k}" for k in ks), "planning s")
    rows: list[tuple[object, ...]] = []
    for record in records:
        bound = by_number(record.get("bounds", {}).get("spread", {}))
        if not rows_of(record, EVEN):
            continue
        cells = (f"{bound[k]:.3f}" if k in bound else "–" for k in ks)
        rows.append((f"**{record['name']}**", "*proven bound*", "", "", "", *cells, ""))
        for row in rows_of(record, EVEN):
            if "problem" in row:
                rows.append(("", row["planner"], f"failed: {row['problem']}", *[""] * (len(head) - 3)))
                continue
            curve = by_number(row["curve"])
            cells = (f"{curve[k]:.3f}" if k in curve else NOT_REACHED for k in ks)
            end = f"{row['spread_after']:.3f}" + ("…" if "stopped by time" in row["ends"] else "")
            rows.append(("", row["planner"], row["accepted"], row["rejected"], end, *cells, seconds(row["plan_s"])))
    return table(head, rows)


def by_number(mapping: Mapping[Any, float]) -> dict[int, float]:
    """JSON turns the keys into strings."""
    return {int(key): value for key, value in mapping.items()}


def beside_hbal(records: Sequence[Record]) -> list[str]:
    """How often `balance` is below hbal's J, and how far above the bound."""
    rows = []
    for record in records:
        result = {row["planner"]: row for row in record["rows"] if EVEN in row["tasks"] and "problem" not in row}
        ours = result.get(f"{OUR}balance")
        peers = [row for name, row in result.items() if name.startswith("hbal")]
        if ours is None:
            continue
        mine, bound = by_number(ours["curve"]), by_number(record.get("bounds", {}).get("spread", {}))
        cells = []
        for peer in peers:
            theirs = by_number(peer["curve"])
            both = [k for k in theirs if k in mine]
            better = sum(mine[k] < theirs[k] - SAME for k in both)
            equal = sum(abs(mine[k] - theirs[k]) <= SAME for k in both)
            also = f" and equal at {equal}" if equal else ""
            cells.append(f"{better} of {len(both)}{also} (up to k = {max(both, default=0)}, {peer['planner']})")
        above = (
            f"+{100 * (mine[k] / bound[k] - 1):.0f} %" if _positive(mine, bound, k) else "–" for k in (20, 50, 100)
        )
        rows.append((record["name"], "; ".join(cells) or "–", *above))
    return table(("instance", "k at which J is below hbal's", "above the bound at 20", "at 50", "at 100"), rows)


def _positive(mine: Mapping[int, float], bound: Mapping[int, float], k: int) -> bool:
    return k in mine and bound.get(k, 0) > 1e-3


def ratio_table(records: Sequence[Record]) -> list[str]:
    """Planning time for clearing, hbal's on one core (the sum over its groups) beside ours, of the same rounds."""
    rows = []
    for record in records:
        result = {row["planner"]: row for row in rows_of(record, CLEAR) if "problem" not in row}
        ours = result.get(OPTIMAL_ROWS[0]) or result.get(f"{OUR}smallest-first")
        if ours is None:
            continue
        for name, row in result.items():
            if not name.startswith("hbal"):
                continue
            whole = row["overloaded_after"] == 0 and not {"stopped by time", "not started"} & set(row["ends"])
            at_least = "" if whole else "> "
            ratio = row["plan_s"] / ours["plan_s"]
            rounds = f"{ours['runs']} / {row['runs']}"
            cells = (seconds(ours["plan_s"]), at_least + seconds(row["plan_s"]), f"{at_least}{ratio:.0f}", rounds)
            rows.append((record["name"], ours["planner"].removeprefix(OUR), name, *cells))
    return table(("instance", "ours", "peer", "ours, s", "peer, s", "ratio", "runs"), rows)


def speed_table(records: Sequence[Record]) -> list[str]:
    """Planning time and memory of our strategies by size."""
    head = ("nodes / VMs", "instance", "strategy", "planning s", "µs a VM", "whole process s", "peak MiB")
    rows = []
    for record in sorted(records, key=lambda r: r["vms"]):
        for row in record["rows"]:
            if row["planner"].startswith(OUR) and "problem" not in row:
                size = f"{record['nodes']:,} / {record['vms']:,}"
                each = 1e6 * row["plan_s"] / record["vms"]
                name = row["planner"].removeprefix(OUR)
                figures = (seconds(row["plan_s"]), f"{each:.1f}", seconds(row["wall_s"]), f"{row['rss_mib']:.0f}")
                rows.append((size, record["name"], name, *figures))
    return table(head, rows)


def closed_loop_table(outcomes: Sequence[Record]) -> list[str]:
    head = (
        *("cluster", "strategy", "moves a cycle", "node-time overloaded", "at least", "moves", "GiB"),
        *("failed", "stale"),
        *("back within a day", "clear after h", "slowest plan s"),
    )
    rows = []
    for one in outcomes:
        clear = "never" if one["clear_after_h"] is None else f"{one['clear_after_h']:.1f}"
        rows.append(
            (
                f"{one['instance']}, {one['days']:g} days",
                one["strategy"],
                one["budget"] or "",
                f"{one['overloaded_percent']:.3f} %",
                f"{one['floor_percent']:.3f} %",
                one["moves"],
                f"{one['gib']:.0f}",
                one["failed"],
                one["stale"],
                one["returned"],
                clear,
                seconds(one["slowest_plan_s"]),
            )
        )
    return table(head, rows)


def cycle_table(record: Record) -> list[str]:
    status = record["status_ms"]
    rows = [
        ("list reads a cycle", f"{record['reads_a_cycle']:g}"),
        ("a cycle, median", f"{record['cycle_s']:.2f} s"),
        ("longest stall of the event loop", f"{record['longest_stall_ms']:.0f} ms"),
        ("of such a stall the program's own work, at most", f"{record['longest_own_stall_ms']:.0f} ms"),
        ("by cycle", ", ".join(f"{ms:.0f}" for ms in record["stalls_ms"]) + " ms"),
        ("peak memory of the program", f"{record['rss_mib']:.0f} MiB"),
        (
            "`/status` meanwhile",
            f"{status['median']:.0f} ms (longest {status['longest']:.0f}, {status['answers']} times)",
        ),
        *((f"part: {part}", f"{ms:.0f} ms") for part, ms in record["parts_ms"].items()),
    ]
    return table(("", record["scenario"]), rows)


def seconds(value: float) -> str:
    return f"{value:.4f}" if value < 0.01 else f"{value:.3f}" if value < 1 else f"{value:.1f}"
