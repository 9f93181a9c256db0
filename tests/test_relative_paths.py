"""A relative path in a settings file is relative to the folder of that file, for every command in any folder."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bot.cli import FAILED, OK, main
from bot.config.loading import load_settings
from bot.config.relative_paths import PATH_FIELDS
from bot.config.settings import Settings, env_name
from bot.store.store import Store

ELSEWHERE = "elsewhere"
SECRETS = {"telegram_bot_token_file": "1:abcd", "telegram_proxy_file": "socks5://host:1080"}


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a settings file and a database; the current folder is another one."""
    for name in map(env_name, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "installed"
    folder.mkdir()
    (tmp_path / ELSEWHERE).mkdir()
    monkeypatch.chdir(tmp_path / ELSEWHERE)
    (folder / "config.env").write_text("DATABASE_PATH=vm_balancer.db\n", "utf-8")
    return folder


def make_database(path: Path) -> None:
    async def work() -> None:
        store = Store(path)
        await store.open()
        await store.close()

    asyncio.run(work())


def read(file: Path) -> Settings:
    return load_settings({}, file, checks=lambda _settings: ())


@pytest.mark.parametrize("command", [["history"], ["audit"], ["audit", "verify"], ["db", "check"], ["db", "backup"]])
@pytest.mark.parametrize("written", ["", "DATABASE_PATH=vm_balancer.db\n", "DATABASE_PATH=./vm_balancer.db\n"])
def test_every_command_finds_the_database_from_any_folder(command: list[str], written: str, installed: Path) -> None:
    make_database(installed / "vm_balancer.db")
    (installed / "config.env").write_text(written, "utf-8")
    assert main([*command, "--config", str(installed / "config.env")]) == OK
    assert main([*command, "--config", "../installed/config.env"]) == OK
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("field", PATH_FIELDS)
def test_paths_of_the_file_are_relative_to_its_folder(field: str, installed: Path) -> None:
    (installed / "x").write_text(SECRETS.get(field, "secret"), "utf-8")
    (installed / "x").chmod(0o600)
    (installed / "config.env").write_text(f"{env_name(field)}=x\n", "utf-8")
    assert getattr(read(installed / "config.env"), field) == installed / "x"


def test_paths_of_options_and_environment_are_relative_to_the_current_folder(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FILE", "here.log")
    settings = load_settings({"database_path": "here.db"}, installed / "config.env", checks=lambda _settings: ())
    assert (settings.database_path, settings.log_file) == (Path("here.db"), Path("here.log"))


@pytest.mark.parametrize("written", ["/var/x.db", ":memory:", "~/x.db"])
def test_other_paths_stay_as_written(written: str, installed: Path) -> None:
    (installed / "config.env").write_text(f"DATABASE_PATH={written}\n", "utf-8")
    assert read(installed / "config.env").database_path == Path(written).expanduser()


def test_a_database_in_the_current_folder_stays_in_use_and_a_note_says_so(installed: Path) -> None:
    """Earlier versions created it there. A new database would lose cool-downs, exclusions and running migrations."""
    make_database(Path("vm_balancer.db"))
    settings = read(installed / "config.env")
    assert settings.database_path == Path.cwd() / "vm_balancer.db"
    [note] = settings.notes
    assert note.startswith(f"DATABASE_PATH is {Path.cwd() / 'vm_balancer.db'}: a relative path counts from {installed}")
    make_database(installed / "vm_balancer.db")
    settings = read(installed / "config.env")
    assert (settings.database_path, settings.notes) == (installed / "vm_balancer.db", ())


def test_credentials_of_systemd_are_relative_to_the_working_folder(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(installed))
    assert read(installed / "config.env").database_path == Path("vm_balancer.db")


@pytest.mark.skipif(os.name != "posix", reason="needs a pipe with a name")
def test_pipe_is_relative_to_the_current_folder() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"DATABASE_PATH=x.db\n")
    os.close(writer)
    assert read(Path(f"/dev/fd/{reader}")).database_path == Path("x.db")
    os.close(reader)


def test_missing_database_is_reported_with_its_folder(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history"]) == FAILED
    assert f"{Path.cwd() / 'vm_balancer.db'}'" in capsys.readouterr().err
    assert main(["health", "--config", str(installed / "config.env")]) == FAILED
    assert str(installed / "vm_balancer.db") in capsys.readouterr().out
