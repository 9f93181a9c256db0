"""The records of one run as pictures: moves and GiB beside the bound, J over k, time over size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.peers import CLEAR, EVEN, OUR
from benchmarks.tables import rows_of

matplotlib.use("Agg")
from matplotlib import pyplot as plt

Record = Mapping[str, Any]
COLOURS = {
    f"{OUR}smallest-first": "#9a9a9a",
    f"{OUR}optimal, moves": "#1f77b4",
    f"{OUR}optimal, memory": "#17becf",
    f"{OUR}optimal, time": "#4b6fd6",
    f"{OUR}balance": "#2ca02c",
    "specification": "#d9c7a0",
}
HBAL = "#d62728"


def draw(records: Sequence[Record], folder: Path) -> list[Path]:
    """Draws all pictures that have figures; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    results = [_bars(records, "accepted", "moves", "moves until nothing is overloaded", folder / "moves.png")]
    results.append(_bars(records, "gib", "gib", "GiB migrated until nothing is overloaded", folder / "gib.png"))
    results.append(_curves(records, folder / "spread.png"))
    results.append(_speed(records, folder / "speed.png"))
    return results


def _colour(planner: str) -> str:
    return COLOURS.get(planner, HBAL)


def _bars(records: Sequence[Record], figure: str, bound: str, title: str, path: Path) -> Path:
    """Figures relative to the proven bound, so that all sizes fit into one picture; hatched = overload is left."""
    shown = [r for r in records if r.get("bounds", {}).get("clear", {}).get(bound)]
    names = list(dict.fromkeys(_family(row["planner"]) for r in shown for row in rows_of(r, CLEAR)))
    width = 0.85 / max(1, len(names))
    picture, axes = plt.subplots(figsize=(12, 4.6), layout="constrained")
    for position, record in enumerate(shown):
        least = record["bounds"]["clear"]
        for row in _best_of_each(rows_of(record, CLEAR)):
            if not row[figure]:
                continue
            number = names.index(_family(row["planner"]))
            left = row["overloaded_after"] > least["unclearable"]
            at = position + (number - len(names) / 2 + 0.5) * width
            axes.bar(
                *(at, row[figure] / least[bound], width),
                color=_colour(row["planner"]),
                hatch="////" if left else None,
                alpha=0.45 if left else None,
            )
    for name in names:
        axes.bar(0, 0, color=_colour(name), label=name)
    axes.bar(0, 0, color="white", edgecolor="grey", hatch="////", label="leaves overload that can be cleared")
    axes.axhline(1, color="black", linewidth=0.9)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.2)
    axes.set_ylabel("times the proven bound")
    axes.set_title(title)
    axes.set_xticks(range(len(shown)), [r["name"].removeprefix("gen-") for r in shown], rotation=30, ha="right")
    axes.legend(fontsize=8, ncols=len(names) + 1, loc="lower center", bbox_to_anchor=(0.5, 1.06))
    return _saved(picture, path)


def _best_of_each(rows: Sequence[Record]) -> list[Record]:
    """One row of each family: of hbal's variants the one that leaves the least overloaded, with the fewest moves."""
    best: dict[str, Record] = {}
    for row in (row for row in rows if "problem" not in row):
        name = _family(row["planner"])
        worth = (row["overloaded_after"], row["accepted"])
        if name not in best or worth < (best[name]["overloaded_after"], best[name]["accepted"]):
            best[name] = row
    return list(best.values())


def _family(planner: str) -> str:
    return "hbal" if planner.startswith("hbal") else planner


def _curves(records: Sequence[Record], path: Path) -> Path:
    shown = [r for r in records if any("problem" not in row for row in rows_of(r, EVEN)) and r["nodes"] <= 1024]
    columns = 4
    lines = max(1, math.ceil(len(shown) / columns))
    picture, grid = plt.subplots(lines, columns, figsize=(14, 3 * lines), layout="constrained", squeeze=False)
    for axes, record in zip(grid.flat, shown, strict=False):
        bound = record.get("bounds", {}).get("spread", {})
        ks = sorted(bound, key=int)
        axes.plot([int(k) for k in ks], [bound[k] for k in ks], "k--", linewidth=1, label="proven bound")
        for row in rows_of(record, EVEN):
            curve = {int(k): j for k, j in row.get("curve", {}).items()}
            if row.get("accepted"):
                curve[row["accepted"]] = row["spread_after"]
            at = sorted(curve)
            axes.plot(
                at, [curve[k] for k in at], ".-", color=_colour(row["planner"]), label=row["planner"], linewidth=1
            )
        axes.set_xscale("log")
        axes.set_title(record["name"], fontsize=9)
        axes.legend(fontsize=6)
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_visible(False)
    picture.suptitle("J = std(CPU ratio) + std(memory fraction) after k moves")
    return _saved(picture, path)


def _speed(records: Sequence[Record], path: Path) -> Path:
    picture, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    points: dict[str, list[tuple[int, float]]] = {}
    for record in records:
        for row in record["rows"]:
            if "problem" not in row and (CLEAR in row["tasks"] or row["planner"] == f"{OUR}balance"):
                points.setdefault(_family(row["planner"]), []).append((record["vms"], row["plan_s"]))
    for name, item in points.items():
        sizes = sorted({size for size, _ in item})
        slowest = [max(s for size, s in item if size == one) for one in sizes]
        axes.plot(sizes, slowest, "o-", color=_colour(name), label=name, markersize=4)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("VMs")
    axes.set_ylabel("planning time, s (the slowest instance of the size)")
    axes.set_title("time over size; hbal in groups from 100 nodes up, on one core")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend(fontsize=8)
    return _saved(picture, path)


def _saved(picture: Any, path: Path) -> Path:
    picture.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(picture)
    return path
