"""Every command with every kind of bad input: one line that names value and remedy, an exit code, no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from core_builders import node, snapshot, vm

from balancer.formats.codec import snapshot_to_dict
from bot.cli import BAD_SETTINGS, COMMANDS, FAILED, main
from bot.config.settings import Settings, env_name

NEEDED: dict[str, list[str]] = {
    **{command: [] for command in COMMANDS if command != "demo"},
    "abort": ["web"],
    "plan": ["good.json"],
    "capacity": ["Production"],
    "policy": ["diff"],
    "audit": ["show"],
    "db": ["check"],
    "completion": ["bash"],
}
"""Command -> the words without which it does nothing. The demo is another program."""
WITHOUT_SETTINGS = ("plan", "completion")
OF_DATABASE = {
    "history": [],
    "history --outcomes": ["--outcomes"],
    "audit show": ["show"],
    "audit verify": ["verify"],
    "db check": ["check"],
    "db repair": ["repair"],
    "db backup": ["backup"],
    "replay": [],
    "health": [],
}
OF_PANEL = {
    "snapshot": [],
    "capacity": [],
    "run": ["--once", "--dry-run"],
    "first-move": ["--yes"],
}
LOGIN = ["--host", "http://127.0.0.1:9", "--username", "admin@example.com", "--password", "hunter2"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with some bad files, and no setting in the environment."""
    for name in map(env_name, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    good = snapshot_to_dict(snapshot([node(1, name="db")], [vm(1, name="web")]))
    (tmp_path / "good.json").write_text(json.dumps(good), "utf-8")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "text").write_text("hello\n" * 200, "utf-8")
    (tmp_path / "folder").mkdir()
    return tmp_path


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of the error output; a command that is in order writes none."""
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err and "hunter2" not in shown.out + shown.err
    return shown.err.splitlines()


@pytest.mark.parametrize("command", NEEDED)
def test_unknown_option_is_named_with_the_way_to_the_right_ones(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *NEEDED[command], "--no-such-option"]) == BAD_SETTINGS
    help_of = "vm-balancer" if command == "run" else f"vm-balancer {command}"
    assert told(capsys)[0] == f"--no-such-option is not an option: `{help_of} --help` lists the options"


@pytest.mark.parametrize("command", NEEDED)
def test_surplus_word_is_not_repeated_because_it_may_be_a_password(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    optional = {"db": ["x.toml"], "policy": ["x.toml"], "roll": ["show", "c1"]}.get(command, [])
    assert main([command, *NEEDED[command], *optional, "hunter2"]) == BAD_SETTINGS
    [line] = [line for line in told(capsys) if "too many" in line]
    assert line == "1 word too many after the options: put a value with blanks in quotes"


@pytest.mark.parametrize("command", [c for c in NEEDED if c not in (*WITHOUT_SETTINGS, "init")])
@pytest.mark.parametrize(("name", "words"), [("missing", "does not exist"), ("folder", "folder"), ("binary", "UTF-8")])
def test_settings_file_that_cannot_be_read_is_named(
    command: str, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *NEEDED[command], "--config", name]) == BAD_SETTINGS
    lines = [line for line in told(capsys) if "nobody can answer here" not in line]
    assert len(lines) == 1 and name in lines[0] and words in lines[0], lines


@pytest.mark.parametrize("command", ["abort", "plan", "policy", "db", "completion"])
def test_missing_word_is_asked_for(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command]) == BAD_SETTINGS
    [line] = told(capsys)
    assert "is missing" in line and line.endswith(f"`vm-balancer {command} --help` lists the options")


@pytest.mark.parametrize("case", OF_DATABASE)
@pytest.mark.parametrize("name", ["missing", "binary", "text", "folder"])
def test_database_that_cannot_be_used_is_named(case: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = case.split()[0]
    code = main([command, *OF_DATABASE[case], "--database-path", name])
    shown = capsys.readouterr()
    lines = (shown.err or shown.out).splitlines()
    assert code in (FAILED, BAD_SETTINGS), (code, lines)
    assert "Traceback" not in shown.out + shown.err
    assert len(lines) == 1 and (name in lines[0] or "not running" in lines[0]), lines
    assert Path("folder").is_dir() and not Path("missing").exists(), "nothing is made"


@pytest.mark.parametrize("command", OF_PANEL)
def test_panel_out_of_reach_is_one_line_with_the_setting(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, *OF_PANEL[command], *LOGIN]) == FAILED
    [line] = told(capsys)
    assert "127.0.0.1:9" in line and "VMMANAGER_HOST" in line and "`vm-balancer check`" in line


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["chek"], "'chek' is not a command: check is probably meant"),
        (["db", "chekc"], "'chekc' is not known: check, repair, backup or restore is needed; "),
        (["db"], "a word is missing: check, repair, backup or restore is needed; `vm-balancer db --help`"),
        (["plan"], "FILE is missing; `vm-balancer plan --help` lists the options"),
        (["completion", "tcsh"], "'tcsh' is not known: bash, zsh, fish or powershell is needed"),
        (["policy", "x"], "'x' is not known: diff is needed"),
        (["history", "--csv", "--json"], "--json and --csv cannot be used together: leave one of them out"),
        (["plan", "good.json", "--drain"], "--drain has no value: put one after it"),
        (["history", "--limit", "x"], "--limit is 'x': a whole number from 0 to"),
        (["history", "--limit", "-3"], "--limit is '-3': a whole number from 0 to"),
        (["replay", "--days", "x"], "--days is 'x': a whole number"),
        (["replay", "--strategy", "none"], "--strategy is 'none': adaptive"),
        (
            ["plan", "good.json", "--drain", "nowhere"],
            "--drain is 'nowhere', but no node of the snapshot has this name",
        ),
        (["plan", "good.json", "--strategy", "none"], "--strategy is 'none'"),
        (["plan", "missing.json"], "missing.json cannot be read"),
        (["plan", "binary"], "binary is not UTF-8"),
        (["plan", "text"], "text is not JSON"),
        (["plan", "folder"], "folder cannot be read"),
        (["db", "restore", "missing.db"], "missing.db is no file: name a backup, such as those in "),
        (
            ["policy", "diff", "--clusters-file", "missing.json", *LOGIN],
            "missing.json cannot be read",
        ),
        (["policy", "diff", "--clusters-file", "binary", *LOGIN], "binary: the name of the file must end in"),
        (["--cluster-ids", "x", *LOGIN], "CLUSTER_IDS is 'x' (--cluster-ids)"),
        (["--log-level", "LOUD", *LOGIN], "LOG_LEVEL is 'LOUD' (--log-level)"),
    ],
)
def test_bad_value_is_named_with_what_is_needed(
    words: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == BAD_SETTINGS
    lines = told(capsys)
    assert len(lines) == 1 and lines[0].startswith(wanted), lines
