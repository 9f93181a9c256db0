"""Secrets in files and systemd credentials: read literally, never shown; warnings if others can read them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli import OK, main
from bot.config.loading import LoadedSettings, find_settings
from bot.config.secret_files import CREDENTIALS, LONGEST, Unusable, exposure, read_secret
from bot.config.settings import SECRET_FILES, Settings, env_name

ROOT = Path(__file__).resolve().parent.parent
HELD = {
    "vmmanager_token": "4-token-of-the-file",
    "vmmanager_password": "hunter2 # 'ß%'",
    "telegram_bot_token": "123456:hunter2-hunter2-hunter2",
    "telegram_proxy": "socks5://me:hunter2@proxy.example:1080",
    "telegram_webhook_secret": "hunter2-hunter2_hunter2",
    "ssh_password": "hunter2 hunter2 ",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for field in Settings.model_fields:
        monkeypatch.delenv(env_name(field), raising=False)
    monkeypatch.delenv(CREDENTIALS, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, as /etc is; pytest's own are closed."""
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def found() -> LoadedSettings:
    return find_settings(checks=lambda _settings: ())


def value_of(settings: Settings, field: str) -> str:
    held = getattr(settings, field)
    return "" if held is None else str(held.get_secret_value())


def test_every_secret_has_a_setting_for_its_file() -> None:
    assert set(SECRET_FILES) == set(HELD)
    assert set(SECRET_FILES.values()) <= set(Settings.model_fields)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("field", HELD)
def test_secret_of_a_file_is_taken_literally(
    folder: Path, monkeypatch: pytest.MonkeyPatch, field: str, end: str
) -> None:
    file = folder / "secret"
    file.write_bytes(f"{HELD[field]}{end}".encode())
    monkeypatch.setenv(env_name(SECRET_FILES[field]), str(file))
    got = found()
    assert got.problems == ()
    assert value_of(got.settings, field) == HELD[field]
    assert got.settings.place(field) == f"{env_name(field)}_FILE={file} (environment)"


def test_secret_file_can_be_named_in_the_settings_file_and_by_option(folder: Path) -> None:
    (folder / "a").write_text("first\n", "utf-8")
    (folder / "b").write_text("second\n", "utf-8")
    (folder / ".env").write_text("VMMANAGER_PASSWORD=\nVMMANAGER_PASSWORD_FILE=a\n", "utf-8")
    assert value_of(found().settings, "vmmanager_password") == "first"
    assert found().settings.place("vmmanager_password") == "VMMANAGER_PASSWORD_FILE=a (.env line 2)"
    named = find_settings({"vmmanager_password_file": "b"}, checks=lambda _settings: ()).settings
    assert value_of(named, "vmmanager_password") == "second"


@pytest.mark.parametrize("field", HELD)
def test_systemd_credential_needs_no_setting(folder: Path, monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    (folder / field).write_text(HELD[field], "utf-8")
    monkeypatch.setenv(CREDENTIALS, str(folder))
    got = found()
    assert got.problems == () and value_of(got.settings, field) == HELD[field]
    assert got.settings.place(field) == f"systemd credential {field}"


def test_secret_given_twice_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "vmmanager_password").write_text("hunter2-credential", "utf-8")
    (folder / "file").write_text("hunter2-file", "utf-8")
    (folder / ".env").write_text("VMMANAGER_PASSWORD=hunter2-env\nVMMANAGER_PASSWORD_FILE=file\n", "utf-8")
    assert found().problems == (
        "VMMANAGER_PASSWORD is given 2 times (.env line 1; VMMANAGER_PASSWORD_FILE=file (.env line 2)): keep one",
    )
    monkeypatch.setenv(CREDENTIALS, str(folder))
    [problem] = find_settings().problems[:1]
    assert problem.startswith("VMMANAGER_PASSWORD is given 3 times") and "systemd credential" in problem
    got = find_settings()
    assert "hunter2" not in f"{got}" and value_of(got.settings, "vmmanager_password") == ""
    assert not any("VMMANAGER_PASSWORD is not set" in p for p in got.problems), "the first problem explains it"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b" \t\n", "it is empty"),
        (b"hunter2\nhunter2\n", "it has more than one line"),
        (b"hunter2\rhunter2", "it has more than one line"),
        (b"hunter2\0", "it has more than one line"),
        (b"hunter2\xff", "it is not UTF-8"),
        (b"h" * (LONGEST + 1), "it is too large for a secret"),
    ],
)
def test_file_that_is_no_secret_is_refused_without_showing_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    (folder / "secret").write_bytes(content)
    monkeypatch.setenv("SSH_PASSWORD_FILE", "secret")
    [problem] = found().problems
    assert problem.startswith(f"SSH_PASSWORD_FILE=secret (environment): {words}; name a file")
    assert "hunter2" not in problem


def test_unreadable_secret_file_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_PASSWORD_FILE", "nowhere")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", str(folder))
    output = "\n".join(found().problems)
    assert "SSH_PASSWORD_FILE=nowhere (environment): it cannot be read (No such file or directory)" in output
    assert f"TELEGRAM_BOT_TOKEN_FILE={folder} (environment): it cannot be read (Is a directory)" in output


def test_bad_secret_of_a_file_is_refused_and_hidden(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "token").write_text("hunter2 is no token\n", "utf-8")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", "token")
    [problem] = found().problems
    assert problem == (
        "TELEGRAM_BOT_TOKEN is (hidden) (TELEGRAM_BOT_TOKEN_FILE=token (environment)): "
        "it does not look like a token; copy it from @BotFather"
    )


def test_secret_is_read_from_a_pipe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"hunter2\n")
    os.close(writing)
    try:
        monkeypatch.setenv("SSH_PASSWORD_FILE", f"/dev/fd/{reading}")
        assert value_of(found().settings, "ssh_password") == "hunter2"
    finally:
        os.close(reading)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0\ufeff"), max_size=100))
def test_any_file_content_is_read_back_or_refused(line: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "secret"
        file.write_bytes(f"{line}\n".encode())
        if line.strip():
            assert read_secret(file) == line
        else:
            with pytest.raises(Unusable, match="empty"):
                read_secret(file)


# Who else can read them ------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o604, True), (0o640, False), (0o600, False)])
def test_secret_file_that_everybody_can_read_is_warned_about(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, mode: int, warned: bool
) -> None:
    file = open_folder / "it's a secret"
    file.write_text("hunter2\n", "utf-8")
    file.chmod(mode)
    monkeypatch.setenv("SSH_PASSWORD_FILE", str(file))
    notes = found().settings.notes
    assert len(notes) == warned
    for note in notes:
        assert note.startswith("everybody on this machine can read the secrets in") and "hunter2" not in note
        command = note.partition(": chmod ")[2]
        subprocess.run(["/bin/sh", "-c", f"chmod {command}"], check=True)
        assert found().settings.notes == (), "the remedy is one"


def test_closed_folder_above_a_secret_file_prevents_the_warning(open_folder: Path) -> None:
    inner = open_folder / "inner"
    inner.mkdir(mode=0o755)
    (inner / "secret").write_text("x", "utf-8")
    (inner / "secret").chmod(0o644)
    assert exposure(inner / "secret")
    (open_folder / "link").symlink_to(inner / "secret")
    assert exposure(open_folder / "link")
    inner.chmod(0o700)
    assert exposure(inner / "secret") is None and exposure(open_folder / "link") is None


def test_settings_file_with_secrets_that_everybody_can_read_is_warned_about(open_folder: Path) -> None:
    file = open_folder / "config.env"
    file.write_text("BALANCE_INTERVAL=300\nVMMANAGER_PASSWORD=\n", "utf-8")
    file.chmod(0o644)
    assert find_settings(env_file=file, checks=lambda _settings: ()).settings.notes == ()
    file.write_text("VMMANAGER_PASSWORD=hunter2\n", "utf-8")
    [note] = find_settings(env_file=file, checks=lambda _settings: ()).settings.notes
    assert note == f"everybody on this machine can read the secrets in {file}: chmod 600 {file}"
    file.chmod(0o600)
    assert find_settings(env_file=file, checks=lambda _settings: ()).settings.notes == ()


# Where it shows --------------------------------------------------------------------------------------


def test_config_command_names_the_secret_file_and_is_read_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pw").write_text("hunter2\n", "utf-8")
    (folder / "telegram_bot_token").write_text(HELD["telegram_bot_token"], "utf-8")
    monkeypatch.setenv(CREDENTIALS, str(folder))
    (folder / ".env").write_text(
        "VMMANAGER_HOST=https://panel.example\nVMMANAGER_USERNAME=me\nVMMANAGER_PASSWORD_FILE=pw\nTELEGRAM_CHAT_ID=7\n",
        "utf-8",
    )
    assert main(["config", "--origins"]) == OK
    out = capsys.readouterr().out
    assert "# VMMANAGER_PASSWORD=•••• is set  # VMMANAGER_PASSWORD_FILE=pw (.env line 3)" in out
    assert "VMMANAGER_PASSWORD_FILE=pw  # .env line 3; default: empty" in out
    assert "# TELEGRAM_BOT_TOKEN=•••• is set  # systemd credential telegram_bot_token" in out
    assert "hunter2" not in out
    (folder / ".env").write_text(out, "utf-8")
    again = find_settings()
    assert again.problems == () and value_of(again.settings, "vmmanager_password") == "hunter2"


def test_program_logs_the_warning_about_exposed_secrets(open_folder: Path) -> None:
    file = open_folder / ".env"
    file.write_text("VMMANAGER_HOST=http://127.0.0.1:9\nVMMANAGER_USERNAME=me\nVMMANAGER_PASSWORD=hunter2\n", "utf-8")
    file.chmod(0o644)
    command = [sys.executable, "-m", "bot", "--once", "--dry-run", "--config", str(file)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=open_folder, env=environment, capture_output=True, text=True, check=False)
    assert f"chmod 600 {file}" in done.stderr and "hunter2" not in done.stdout + done.stderr


def test_systemd_unit_names_credentials_that_the_program_reads() -> None:
    unit = (ROOT / "deploy" / "vm-balancer.service").read_text("utf-8")
    hinted = set(re.findall(r"^#LoadCredential=(\w+):", unit, re.MULTILINE))
    assert hinted - {"ssh_key"} == set(SECRET_FILES)
