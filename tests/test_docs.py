"""The README says what is so: commands, make targets, files, settings that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.cli import COMMANDS as PROGRAM_COMMANDS
from bot.config.settings import Settings, env_name
from bot.telegram.commands import COMMANDS, Level

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("command", [c.name for c in COMMANDS])
def test_every_command_of_the_chat_is_described(command: str) -> None:
    assert re.search(rf"\| .*`/{command}\b", README), f"/{command} has no row in a table"


def test_only_admins_commands_are_called_so() -> None:
    for info in COMMANDS:
        row = next(line for line in README.splitlines() if re.search(rf"^\| .*`/{info.name}\b", line))
        commands, who = row.replace("\\|", "/").split(" | ")[:2]
        names = re.findall(r"`/(\w+)", commands)
        whose = who.split(", ") if ", " in who else [who] * len(names)
        assert whose[names.index(info.name)] == ("all" if info.level is Level.LOOK else "admins"), row


@pytest.mark.parametrize("command", [c for c in PROGRAM_COMMANDS if c != "run"])
def test_every_command_of_the_program_is_described(command: str) -> None:
    assert f"vm-balancer {command}" in README


def test_make_targets_and_files_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"\bmake (\w+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    links = re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_settings_are_spelled_as_they_are() -> None:
    known = {env_name(field) for field in Settings.model_fields}
    named = set(re.findall(r"`([A-Z]{2,}(?:_[A-Z]+)+)(?:=[^`]*)?`", README))
    assert named and named <= known, named - known


def test_the_walk_through_the_chat_shows_every_picture_that_is_made_for_it() -> None:
    page = (ROOT / "docs" / "chat.md").read_text("utf-8")
    shown = set(re.findall(r"\]\(images/([^)]+)\)", page))
    made = {p.name for p in (ROOT / "docs" / "images").glob("*.jpg")}
    assert shown <= made
    twins = {name for name in made if "desktop" in name}
    assert made - shown <= twins, "a desktop's picture more than is shown is none too many"
