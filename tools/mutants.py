"""Changes the program in small ways and counts how many of the changes the tests notice: `make mutants`.

A mutant is one changed operator, condition or constant of one file, drawn from a seed. It is killed if a test of its
group fails. Mutants run in a copy of the project: the checkout is not changed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 600
Change = Callable[[Any], None]
GROUPS = (
    "balancer/rules/*.py = tests/test_constraints.py tests/test_scenarios.py tests/test_groups.py "
    "tests/test_requests.py",
    "bot/service/executor.py bot/service/precheck.py = tests/test_executor.py tests/test_groups.py "
    "tests/test_panel_faults.py tests/test_two_clocks.py",
    "bot/service/decisions.py = tests/test_service_requests.py tests/test_two_person.py tests/test_confirm.py",
)
"""Files, and the tests that must notice a change in them."""
SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
}


@dataclass(frozen=True)
class Mutant:
    file: str
    line: int
    text: str
    """What is changed, in words."""
    source: str
    """The whole changed file."""
    tests: tuple[str, ...]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", default=GROUPS, metavar="FILES = TESTS", help="files and their tests")
    parser.add_argument("--count", type=int, default=30, help="how many mutants, spread over the groups")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--root", type=Path, default=ROOT, help="another checkout")
    given = parser.parse_args(arguments)
    rng = random.Random(given.seed)  # noqa: S311 - a repeatable sample
    chosen = sample(given.root, given.groups, given.count, rng)
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        project = copy_of(given.root, Path(folder) / "project")
        for tests in sorted({mutant.tests for mutant in chosen}):
            if fails(project, tests):
                raise SystemExit(f"these tests fail without any change: {' '.join(tests)}")
        for mutant in chosen:
            killed = notices(project, mutant)
            print(f"{'killed  ' if killed else 'SURVIVED'} {mutant.file}:{mutant.line}: {mutant.text}", flush=True)
            if not killed:
                survivors.append(mutant)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants killed")
    return 0


def sample(root: Path, groups: Sequence[str], count: int, rng: random.Random) -> list[Mutant]:
    """The same number of mutants from each group, as far as it has that many."""
    chosen: list[Mutant] = []
    for number, group in enumerate(groups):
        pattern, _, tests = group.partition("=")
        files = sorted(path for name in pattern.split() for path in root.glob(name))
        if not files:
            raise SystemExit(f"no file is named {pattern.strip()} in {root}")
        results = [m for path in files for m in mutants(path, root, tuple(tests.split()))]
        share = count // len(groups) + (number < count % len(groups))
        chosen += rng.sample(results, min(share, len(results)))
    return chosen


def mutants(path: Path, root: Path, tests: tuple[str, ...]) -> Iterator[Mutant]:
    """Every mutant of a file."""
    tree = ast.parse(path.read_text("utf-8"))
    for index, node in enumerate(ast.walk(tree)):
        for text, change in changes(node):
            mutated = copy.deepcopy(tree)
            change(list(ast.walk(mutated))[index])
            name = path.relative_to(root).as_posix()
            yield Mutant(name, getattr(node, "lineno", 0), text, ast.unparse(mutated), tests)


def changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """What can be changed at a node: a description, and a function that changes a copy of it."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        yield swap(node.ops[0]), lambda n: n.ops.__setitem__(0, SWAPPED[type(n.ops[0])]())
    if isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in SWAPPED:
        yield swap(node.op), lambda n: setattr(n, "op", SWAPPED[type(n.op)]())
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield "negated condition", lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} -> {not node.value}", lambda n: setattr(n, "value", not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield f"{node.value} -> {node.value + 1}", lambda n: setattr(n, "value", n.value + 1)


def swap(operator: ast.AST) -> str:
    return f"{type(operator).__name__} -> {SWAPPED[type(operator)].__name__}"


def copy_of(root: Path, folder: Path) -> Path:
    """The tracked files of a checkout as they are now."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True).stdout.decode()  # noqa: S607
    for name in filter(None, names.split("\0")):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
    return folder


def notices(project: Path, mutant: Mutant) -> bool:
    """Whether the tests of the mutant fail."""
    path = project / mutant.file
    original = path.read_text("utf-8")
    path.write_text(mutant.source, "utf-8")
    try:
        return fails(project, mutant.tests)
    finally:
        path.write_text(original, "utf-8")


def fails(project: Path, tests: tuple[str, ...]) -> bool:
    """Whether one of these test files fails. Tests that never end count as failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, cwd=project, env=environment, check=False, capture_output=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode > 1:
        raise SystemExit(f"the tests do not run:\n{done.stdout.decode()[-2000:]}")
    return done.returncode == 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
