"""The promises of the specification: docs/seed-parity.md names only existing things, and its commands work.

The excerpts are the text of the specification.
"""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from bot_fixture import running_panel
from processes import ROOT
from test_config import SEED_ENV

from bot.cli.arguments import OPTIONS, settings_of
from bot.cli.parsing import understood
from bot.cli.run import parser
from bot.config.loading import load_settings
from bot.config.settings import Settings, env_name

PAGE = (ROOT / "docs" / "seed-parity.md").read_text("utf-8")
SECTIONS = (
    *("Head and features", "Requirements and installation", "Configuration", "SSH load monitoring", "Command line"),
    *("Usage", "How it works", "Monitoring and logs", "Contributing, licence, releases", "Library"),
    "Related projects, disclaimer, support",
)

SEED_OPTIONS = """\
# Connection
--host https://vmmanager.example.com    # VMManager URL
--username admin                        # Username
--password mypassword                   # Password
--cluster-ids 1 2 3                     # Target clusters

# Thresholds
--cpu-overload-threshold 7.0            # CPU overload trigger
--memory-overload-threshold 70.0        # Memory overload trigger
--cpu-target-threshold 6.0              # CPU target limit
--memory-target-threshold 80.0          # Memory target limit

# Node filtering
--exclude-source-nodes node1 node2      # Exclude sources
--exclude-target-nodes node3 node4      # Exclude targets

# Migration control
--max-migrations-per-cycle 3            # Max migrations per cycle

# Operation modes
--once                                  # Single run
--dry-run                              # Simulation mode
--interval 600                         # Continuous mode interval
--log-level DEBUG                      # Logging level
--verify-ssl                           # SSL verification

--ssh-enabled                           # Enable SSH monitoring
--ssh-username root                     # SSH username
--ssh-private-key /path/to/key          # SSH private key
--ssh-password mypassword               # SSH password
--ssh-timeout 10                        # Connection timeout
--ssh-hosts-mapping '{"node1":"ip"}'    # JSON hostname mapping
"""
OPTION_LINES = [line for line in SEED_OPTIONS.splitlines() if line.startswith("--")]
SEED_COMMANDS = """\
vm-balancer --dry-run --once --log-level DEBUG
vm-balancer --once
vm-balancer --interval 300
vm-balancer --cluster-ids 1 3 5 --dry-run
vm-balancer --max-migrations-per-cycle 3 --once
vm-balancer --exclude-source-nodes problematic-node --exclude-target-nodes maintenance-node --max-migrations-per-cycle 1
"""
LOGIN = {"vmmanager_host": "h.example", "vmmanager_username": "u", "vmmanager_password": "p"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields:
        monkeypatch.delenv(env_name(field), raising=False)


# --- the page


def rows() -> list[tuple[str, list[str]]]:
    """Every line of the tables: its section and its four cells."""
    results = []
    for part in PAGE.split("\n## ")[1:]:
        section, _, body = part.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("| ")]
        results += [(section, [c.strip() for c in line.strip("|").split(" | ")]) for line in lines[2:]]
    return results


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = (n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(f.name for f in functions if f.name.startswith("test_"))


def test_page_has_a_table_for_every_section_of_the_seed() -> None:
    assert [part.partition("\n")[0] for part in PAGE.split("\n## ")[1:]] == list(SECTIONS)
    assert all(sum(section == name for section, _ in rows()) >= 3 for name in SECTIONS)


def test_every_row_names_a_file_and_a_test() -> None:
    for section, cells in rows():
        assert len(cells) == 4 and all(cells[:3]), f"{section}: {cells}"
        assert re.search(r"`tests/test_\w+\.py", cells[2]), f"nothing holds {cells[0]}"
        assert not re.search(r"\b(todo|open|later|not yet)\b", " ".join(cells[1:]).lower().replace("open to", ""))


@pytest.mark.parametrize("file", sorted({f for _, cells in rows() for f in re.findall(r"`([^`]+)`", cells[1])}))
def test_named_file_exists(file: str) -> None:
    assert (ROOT / file).exists()


@pytest.mark.parametrize("held", sorted({t for _, cells in rows() for t in re.findall(r"`(tests/[^`]+)`", cells[2])}))
def test_named_test_exists(held: str) -> None:
    file, _, name = held.partition("::")
    assert functions_of(file), "no test in it"
    assert not name or name in functions_of(file)


def test_named_scenarios_exist() -> None:
    named = {s for _, cells in rows() for s in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", cells[2])}
    assert len(named) > 20
    assert {s for s in named if not (ROOT / "tests" / "scenarios" / f"{s}.json").exists()} == set()


def test_page_has_a_row_for_every_option_and_variable() -> None:
    names = {word for _, cells in rows() for word in re.findall(r"--[a-z-]+|[A-Z]{3,}_[A-Z_]+", cells[0])}
    assert {line.split()[0] for line in OPTION_LINES} <= names
    assert {line.split("=")[0] for line in SEED_ENV.splitlines() if re.match("[A-Z]", line)} <= names | {"LOG_LEVEL"}


# --- options, variables, commands


def test_variables_of_the_seed_are_settings() -> None:
    named = {line.split("=")[0] for line in SEED_ENV.splitlines() if re.match("[A-Z]", line)}
    assert len(named) == 21 and named <= {env_name(field) for field in Settings.model_fields}


@pytest.mark.parametrize("line", OPTION_LINES, ids=lambda line: line.split()[0])
def test_option_of_the_seed_is_accepted_as_written(line: str) -> None:
    words = shlex.split(line, comments=True)
    given, problems = understood(parser(), words)
    assert problems == []
    if words[0] != "--once":
        [(field, value)] = settings_of(given).items()
        assert OPTIONS[field] == words[0]
        # "ip" stands for an address there, and it is one: any name may be a host.
        settings = load_settings({**LOGIN, field: value}, checks=lambda _: ())
        assert settings.place(field) == "argument"


@pytest.mark.parametrize("command", SEED_COMMANDS.splitlines())
def test_command_of_the_seed_is_accepted(command: str) -> None:
    given, problems = understood(parser(), shlex.split(command)[1:])
    assert problems == []
    assert load_settings({**LOGIN, **settings_of(given)})


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **more}


def test_import_line_of_the_seed_prints_available() -> None:
    code = "from vm_balancer import VMBalancer; print('Available')"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("Available\n", "")


async def test_first_command_of_the_seed_prints_the_analysis(tmp_path: Path) -> None:
    words = shlex.split(SEED_COMMANDS.splitlines()[0])[1:]
    async with running_panel() as panel:
        login = {"VMMANAGER_HOST": panel.url, "VMMANAGER_USERNAME": "admin@example.com", "VMMANAGER_PASSWORD": "secret"}
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vm_balancer", *words),
            env=environment(**login),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = (part.decode() for part in await program.communicate())
    assert program.returncode == 0 and out.endswith("Dry run: nothing was changed.\n")
    assert re.search(r"\[DEBUG\] Node 'hot' \(ID: 1\): 7\.50 vCPU per CPU", err)
    assert "[INFO] Cluster 'Production'" not in err, "the report says it"


# --- the rest


def test_licence_is_mit() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert text.startswith("MIT License\n") and "WITHOUT WARRANTY OF ANY KIND" in text
    assert 'license = "MIT"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_documents_name_the_required_python() -> None:
    assert 'requires-python = ">=3.10"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert "Python 3.10 to 3.14" in (ROOT / "README.md").read_text("utf-8")


def test_lint_runs_the_formatter() -> None:
    assert "ruff format --check" in " ".join((ROOT / "Makefile").read_text("utf-8").split()).replace("$(BIN)/", "")


def test_documents_that_the_seed_names_exist() -> None:
    for name in ("CONTRIBUTING.md", "RELEASE.md", "LICENSE", "SECURITY.md", "CHANGELOG.md"):
        assert len((ROOT / name).read_text("utf-8")) > 300, name
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "docs.ispsystem.com" in readme and "performs live migrations" in readme
    assert "docs/seed-parity.md" in readme
