"""`vm-balancer completion`: the scripts, asked in real shells."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.cli import BAD_SETTINGS, COMMANDS, OK, main
from bot.cli.arguments import OPTIONS
from bot.cli.completion import SHELLS

pytest.importorskip("shtab", reason="NO SHTAB IN THIS ENVIRONMENT: completion IS NOT TESTED")

BASH_ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
entry=$(complete -p vm-balancer); function=${entry#*-F }; function=${function%% *}
"$function" vm-balancer "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH_ASK = 'source $argv[1]; complete -C "$argv[2]"'
ZSH_ASK = """
zmodload zsh/zpty
zpty asked zsh -f -i
{
  zpty -w asked "PS1=; autoload -Uz compinit && compinit -u -D; source $1; compdef _shtab_vm_balancer vm-balancer"
  zpty -w asked "LISTMAX=0; zstyle ':completion:*' list-prompt ''; setopt no_always_last_prompt; print -r -- READY"
  zpty -r -m asked line '*READY*READY*'
  zpty -w -n asked "$2"$'\\t\\t'
  zpty -r -m asked line "*$3*" && print -r -- "FOUND"
} always { zpty -d asked }
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the script of every shell."""
    folder = tmp_path_factory.mktemp("completion")
    capture = pytest.MonkeyPatch()
    for shell in SHELLS:
        with (folder / shell).open("w", encoding="utf-8") as file, capture.context() as patch:
            patch.setattr("sys.stdout", file)
            assert main(["completion", shell]) == OK
    return folder


def need(shell: str) -> str:
    result = shutil.which(shell)
    if result is None:
        pytest.skip(f"NO {shell.upper()} ON THIS MACHINE: its completion IS NOT TESTED")
    return result


def bash(scripts: Path, *words: str) -> set[str]:
    line = [need("bash"), "--norc", "-c", BASH_ASK, "ask", str(scripts / "bash"), "vm-balancer", *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True, cwd=scripts)
    assert done.stderr == ""
    return {word.strip() for word in done.stdout.splitlines() if word.strip()}


def fish(scripts: Path, line: str) -> set[str]:
    command = [need("fish"), "--no-config", "-c", FISH_ASK, str(scripts / "fish"), f"vm-balancer {line}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=scripts)
    assert done.stderr == ""
    return {row.split("\t")[0].strip() for row in done.stdout.splitlines()}


def test_bash_knows_commands_options_and_values(scripts: Path) -> None:
    assert bash(scripts, "") >= set(COMMANDS)
    assert bash(scripts, "c") == {command for command in COMMANDS if command.startswith("c")} != set()
    assert bash(scripts, "--") >= {"--once", "--dry-run", "--no-dry-run", "--config", *OPTIONS.values()}
    assert bash(scripts, "--balance-mode", "") == {"approve", "assist", "auto"}
    assert bash(scripts, "--log-level", "W") == {"WARNING"}
    assert bash(scripts, "check", "--se") == {"--send-test"}
    assert bash(scripts, "check", "--once") == set()
    assert bash(scripts, "completion", "") == set(SHELLS)
    assert bash(scripts, "plan", "--language", "") == {"en", "ru"}


def test_bash_completes_files(scripts: Path) -> None:
    for words in (["--config"], ["check", "--config"], ["--log-file"], ["plan"]):
        assert "fish" in bash(scripts, *words, "fi"), words


def test_fish_knows_commands_options_and_values(scripts: Path) -> None:
    assert fish(scripts, "") >= set(COMMANDS)
    assert fish(scripts, "--notif") == {"--notifications"}
    assert fish(scripts, "check --se") == {"--send-test"}
    assert fish(scripts, "--balance-mode ") == {"approve", "assist", "auto"}
    assert "powershell" in fish(scripts, "--config pow")


def test_zsh_knows_commands_and_options(scripts: Path, tmp_path: Path) -> None:
    for line, wanted in (("vm-balancer comp", "completion"), ("vm-balancer check --send", "--send-test")):
        command = [need("zsh"), "-f", "-c", ZSH_ASK, "ask", str(scripts / "zsh"), line, wanted]
        env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TERM": "dumb"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=env, cwd=scripts)
        assert "FOUND" in done.stdout, done.stdout + done.stderr


def test_powershell_gets_a_script_of_its_own(scripts: Path) -> None:
    """There is no PowerShell for a test here: the script must at least contain every command and option."""
    text = (scripts / "powershell").read_text("utf-8")
    assert "Register-ArgumentCompleter" in text
    assert all(word in text for word in (*COMMANDS, *OPTIONS.values()))


def test_every_command_has_a_parser_to_complete_from() -> None:
    import importlib

    for command in COMMANDS:
        if command != "demo":  # the stand-ins parse their own
            result = importlib.import_module(f"bot.cli.{command.replace('-', '_')}").parser()
            assert isinstance(result, argparse.ArgumentParser), command


def test_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == BAD_SETTINGS
    assert "bash, zsh, fish or powershell is needed" in capsys.readouterr().err
