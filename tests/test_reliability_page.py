"""docs/reliability.md names tests: each exists, and every fault has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)))


def rows() -> list[list[str]]:
    """The cells of every row of every table of faults, without the heads."""
    faults = PAGE.split("## Figures")[0]
    lines = [line for line in faults.splitlines() if line.startswith("| ") and not line.startswith("| fault ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda part: part)
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    assert name in {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_every_fault_has_a_test_and_a_result() -> None:
    row_list = rows()
    assert len(row_list) > 40
    for row in row_list:
        assert len(row) == 4 and all(row), row
        assert re.search(r"`test_\w+\.py::test_\w+`", row[2]), row


def test_the_page_gives_the_figures_of_a_long_run() -> None:
    assert re.search(r"violations: \d+", PAGE)


def test_make_has_the_target_that_the_page_names() -> None:
    assert re.search(r"^chaos:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
