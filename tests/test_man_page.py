"""The manual page names every command, every option and every exit code, and nothing else."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess

import pytest
from stack import ROOT

from bot.cli import BAD_SETTINGS, COMMANDS, FAILED, OK

PAGE = ROOT / "deploy" / "man" / "vm-balancer.1"
TEXT = PAGE.read_text("utf-8").replace("\\-", "-")
SECTIONS = {part.splitlines()[0]: part for part in TEXT.split("\n.SH ")[1:]}
COMMAND_PARTS = {part.split()[0]: part for part in SECTIONS["COMMANDS"].split("\n.SS ")[1:]}
SHARED = set(re.findall(r"--[a-z-]+", SECTIONS["OPTIONS"])) - {"--log-level"}


def options_of(command: str) -> set[str]:
    """What a command's own help lists."""
    parser = getattr(importlib.import_module(f"bot.cli.{command.replace('-', '_')}"), "parser", None)
    return set(re.findall(r"--[a-z-]+", parser().format_help())) if parser else set()


def test_page_describes_every_command() -> None:
    assert set(COMMAND_PARTS) == set(COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "demo"])
def test_page_lists_every_option_of_a_command(command: str) -> None:
    described = set(re.findall(r"--[a-z-]+", COMMAND_PARTS[command]))
    known = options_of(command) - {"--log-level"}
    assert known - SHARED <= described, "an option that the page lacks"
    assert described <= known, "an option that the command does not have"


def test_options_of_all_commands_are_shared() -> None:
    assert {"--config", "--verbose", "--help-settings", "--help"} == SHARED


def test_page_lists_the_exit_codes() -> None:
    assert [int(code) for code in re.findall(r"^\.B (\d+)$", SECTIONS["EXIT STATUS"], re.MULTILINE)] == [
        OK,
        FAILED,
        BAD_SETTINGS,
    ]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_page_formats_without_a_warning() -> None:
    command = ["groff", "-man", "-ww", "-Tutf8", "-z", str(PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
