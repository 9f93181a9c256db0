"""Checks which package imports which, by the syntax trees of all modules.

When this fails, the import is wrong, or the package needs another word in its line of the table below.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# One line per package, from the top: the packages that it may import, besides itself, the planner and bot.errors.
EDGES = ("panel", "ssh", "store", "rendering")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "__main__": ("cli",),
    "cli": ("app", "console", "telegram", "service", "observability", *EDGES, "config", "domain"),
    "app": ("telegram", "service", "observability", *EDGES, "config", "domain"),
    "console": ("service", "store", "rendering", "config", "domain"),
    "telegram": ("service", "observability", "store", "rendering", "config", "domain"),
    "observability": ("service", "store", "config", "domain"),
    "service": (*EDGES, "config", "domain"),
    "rendering": ("store", "domain"),
    "config": ("panel", "ssh", "domain"),
    "panel": ("domain",),
    "ssh": ("domain",),
    "store": ("domain",),
    "domain": (),
    "errors": (),
}

# Each outside library (or kind of I/O) is used in one place.
OWNERS: dict[str, tuple[str, ...]] = {
    "aiogram": ("bot.telegram",),
    "aiohttp": ("bot.panel", "bot.observability", "bot.telegram", "sandbox"),
    "aiohttp_socks": ("bot.telegram",),
    "aiosqlite": ("bot.store",),
    "apscheduler": ("bot.service.scheduler",),
    "argparse": ("bot.cli", "sandbox"),
    "asyncssh": ("bot.ssh",),
    "dotenv": ("bot.config",),
    "filelock": ("bot.store.instance_lock",),
    "fluent": ("bot.rendering.fluent_messages",),
    "matplotlib": ("bot.rendering.charts",),
    "rich": ("bot.rendering.rich_tables", "bot.console", "bot.cli", "bot.telegram"),
    "prometheus_client": ("bot.observability",),
    "pydantic": ("bot.config", "bot.telegram.keyboards.callbacks", "bot.telegram.deferring"),
    "tomli": ("bot.config.documents",),
    "shtab": ("bot.cli",),
    "sqlite3": ("bot.store",),
    "subprocess": ("bot.cli", "sandbox.demo", "sandbox.nodes", "bot.console.program", "bot.service.roll_command"),
    "textual": ("bot.console",),
}
CORE_MAY_USE = {
    *(
        "__future__",
        "bisect",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "datetime",
        "enum",
        "fractions",
        "functools",
    ),
    *("heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "typing", "numpy"),
}
CLOCKS = {"now", "utcnow", "today"}
DOORS = {"open", "print", "input", "exec", "eval"}


def modules() -> dict[str, ast.Module]:
    paths = [p for folder in ("balancer", "bot", "sandbox", "vm_balancer") for p in (ROOT / folder).rglob("*.py")]
    named = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in paths}
    return {name.removesuffix(".__init__"): ast.parse(p.read_text("utf-8"), str(p)) for name, p in named.items()}


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every imported module with its line, also inside functions and for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the whole name of the module"
            if node.module in ("bot", "balancer", "sandbox"):
                yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
            elif node.module:
                yield node.module, node.lineno


def within(module: str, *places: str) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def package(module: str) -> str:
    """The package of a module in bot/: ``store`` for ``bot.store.rows``."""
    return module.split(".")[1] if "." in module else "__init__"


def problem(module: str, imported: str) -> str | None:
    """Why ``module`` may not import ``imported``, or None."""
    root, own = imported.split(".")[0], module.split(".")[0]
    return _problem_between(module, imported) if root == own == "bot" else _problem_across(module, root, own)


def _problem_across(module: str, root: str, own: str) -> str | None:
    """One of our own packages, or a library."""
    if root in OWNERS and not within(module, *OWNERS[root]):
        return f"{root} belongs to {' and '.join(OWNERS[root])} alone"
    if own == "balancer" and root != "balancer" and root not in CORE_MAY_USE:
        return "the core imports nothing that could reach the world"
    if own == "sandbox" and root in ("bot", "balancer", "vm_balancer"):
        return "the sandbox knows the program over HTTP only"
    if own != "sandbox" and root == "sandbox":
        return "nothing in the program knows that the sandbox exists"
    if root == "vm_balancer" and own != "vm_balancer":
        return "the facade is for users of the library"
    return None


def _problem_between(module: str, imported: str) -> str | None:
    """Two packages of bot/."""
    mine, theirs = package(module), package(imported)
    allowed = theirs in (mine, "errors", *MAY_IMPORT.get(mine, ()))
    return None if allowed else f"bot.{mine} may not import bot.{theirs}"


def offences(module: str, tree: ast.Module) -> list[str]:
    results = [
        f"{module}:{line} imports {imported}: {why}"
        for imported, line in imports(tree)
        if (why := problem(module, imported))
    ]
    for node in ast.walk(tree):
        what = _deed(node)
        if what and module.split(".")[0] == "balancer":
            results.append(f"{module}:{node.lineno} {what}: the core has no clock, no file and no loop")  # type: ignore[attr-defined]
        if (
            module.startswith("bot.")
            and not within(module, "bot.cli")
            and _exits(node)
            and not module.endswith(("__main__", "worker_processes"))  # a worker ends itself, not the program
        ):
            results.append(f"{module}:{node.lineno} ends the program: only bot.cli may")  # type: ignore[attr-defined]
    return results


def _deed(node: ast.AST) -> str | None:
    if isinstance(node, (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)):
        return "awaits"
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            return f"asks the clock ({node.func.attr})"
        if isinstance(node.func, ast.Name) and node.func.id in DOORS:
            return f"calls {node.func.id}()"
    return None


def _exits(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "SystemExit"
    return (
        isinstance(node, ast.Attribute) and node.attr in ("exit", "_exit") and ast.unparse(node.value) in ("sys", "os")
    )


def test_packages_import_only_what_the_table_allows() -> None:
    trees = modules()
    assert len(trees) > 80, "the modules were not found"
    assert [line for name, tree in sorted(trees.items()) for line in offences(name, tree)] == []


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or through others (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    results: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            group = [stack.pop()]
            while group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                results.append(sorted(group))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return sorted(results)


def imported_modules(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Module -> the modules of this repository that it imports, also for types only."""
    graph: dict[str, set[str]] = {name: set() for name in trees}
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names} & set(trees)
            elif isinstance(node, ast.ImportFrom) and node.module:
                below = {f"{node.module}.{alias.name}" for alias in node.names}
                graph[name] |= (below & set(trees)) or ({node.module} & set(trees))
    return graph


def test_imports_have_no_circle() -> None:
    assert circles(imported_modules(modules())) == []


def test_a_circle_through_a_third_module_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_table_lists_no_standard_library_module() -> None:
    assert CORE_MAY_USE - {"numpy"} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("balancer.model", "import asyncio"),
        ("balancer.model", "import os.path"),
        ("balancer.model", "import aiohttp"),
        ("balancer.model", "from bot import errors"),
        ("balancer.model", "from datetime import datetime\nx = datetime.now()"),
        ("balancer.model", "x = open('f')"),
        ("balancer.model", "async def f(): ..."),
        ("bot.service", "def f():\n    from bot.telegram.notifier import TelegramNotifier"),
        ("bot.service", "from bot import app"),
        ("bot.service", "import sandbox.world.world"),
        ("bot.service", "import sys\nsys.exit(1)"),
        ("bot.service", "raise SystemExit"),
        ("bot.store.rows", "from bot.config.settings import Settings"),
        ("bot.panel.client", "from bot.store.store import Store"),
        ("bot.cli.once", "from aiogram import Bot"),
        ("bot.telegram.chat", "import sqlite3"),
        ("bot.telegram.chat", "from matplotlib.figure import Figure"),
        ("bot.domain.helper", "from bot.service.service import Service"),
        ("bot.domain.helper", "from apscheduler.triggers.interval import IntervalTrigger"),
        ("sandbox.world.world", "from balancer.model import VM"),
        ("bot.service", "import vm_balancer"),
    ],
)
def test_forbidden_import_is_found(module: str, code: str) -> None:
    assert len(offences(module, ast.parse(code))) == 1
