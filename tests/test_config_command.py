"""`vm-balancer config`: prints the settings in force with their origins, can be read back, and hides secrets."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli import BAD_SETTINGS, OK, main
from bot.cli.config import as_env
from bot.config.env_file import quoted, read_config_file
from bot.config.loading import find_settings
from bot.config.settings import Settings, env_name, is_secret, masked
from bot.domain.proposals import Actor, ActorKind
from bot.store.store import Store

SECRETS = {
    "vmmanager_password": "hunter2/ß%",
    "telegram_bot_token": "123456:hunter2-hunter2-hunter2",
    "telegram_proxy": "socks5://me:hunter2@proxy.example:1080",
    "telegram_webhook_secret": "hunter2-hunter2_hunter2",
    "ssh_password": "hunter2 hunter2",
}
PANEL = {"vmmanager_host": "https://panel.example", "vmmanager_username": "me@example.com"}
NAMES = [env_name(field) for field in Settings.model_fields]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], list[str]]:
    code = main(["config", *words])
    output = capsys.readouterr()
    return code, output.out.splitlines(), output.err.splitlines()


def write_env(folder: Path, **values: str) -> None:
    lines = [f"{env_name(field)}={quoted(value)}\n" for field, value in {**PANEL, **SECRETS, **values}.items()]
    (folder / ".env").write_text("".join(lines), "utf-8")


def test_origins_shows_where_each_setting_comes_from(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_env(folder, telegram_chat_id="7", cluster_ids="1,2", balance_interval="300")
    monkeypatch.setenv("CPU_OVERLOAD_THRESHOLD", "5.5")
    code, out, err = config(capsys, "--origins", "--interval", "60", "--dry-run")
    assert (code, err) == (OK, [])
    assert len(out) == len(NAMES)
    assert "VMMANAGER_HOST=https://panel.example  # .env line 1; default: empty" in out
    assert "BALANCE_INTERVAL=60  # --interval; default: 600" in out
    assert "DRY_RUN=true  # --dry-run; default: false" in out
    assert "CPU_OVERLOAD_THRESHOLD=5.5  # environment; default: 7.0" in out
    assert "MEMORY_OVERLOAD_THRESHOLD=70.0  # default" in out
    assert "EXCLUDE_SOURCE_NODES=''  # default" in out
    assert "# VMMANAGER_PASSWORD=•••• is set  # .env line 3" in out


def test_changed_settings_are_marked_with_their_default(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_env(folder, telegram_chat_id="7", cluster_ids="1,2", memory_overload_threshold="70")
    _, out, _ = config(capsys)
    marked = {line.split("=")[0] for line in out if "  # default: " in line}
    assert marked == {"VMMANAGER_HOST", "VMMANAGER_USERNAME", "TELEGRAM_CHAT_ID", "CLUSTER_IDS"}
    assert "MEMORY_OVERLOAD_THRESHOLD=70.0" in out and "EXCLUDE_SOURCE_NODES=" in out


def test_output_shows_neither_a_secret_nor_its_length(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = []
    for secret in ("x", "a much longer one than the one before"):
        write_env(folder, telegram_chat_id="7", vmmanager_password=secret, vmmanager_token="hunter2-token")
        for words in ([], ["--origins"], ["--json"]):
            code, out, err = config(capsys, *words)
            assert code == OK and "hunter2" not in "\n".join([*out, *err])
            seen.append("\n".join(out))
    assert seen[:3] == seen[3:]
    for field in Settings.model_fields:
        if is_secret(field):
            assert f"# {env_name(field)}=•••• is set" in seen[0]


def test_output_is_read_back_as_the_same_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = {
        "exclude_source_nodes": 'node #1,"rack 3, left",it\'s,back\\slash,$HOME `x`',
        "ssh_hosts_mapping": '{"node 1": "root@192.0.2.1:2222", "узел": "[2001:db8::1]:22"}',
        "log_file": "/var/log/a b#c.log",
        "vmmanager_username": " me 'and' \"you\" ",
    }
    write_env(folder, telegram_chat_id="-100123", telegram_admin_ids="1,2", **odd)
    for words in ([], ["--origins"]):
        _, out, _ = config(capsys, *words)
        (folder / "again.env").write_text("\n".join(out) + "\n", "utf-8")
        first = find_settings(SECRETS, ".env").settings
        again = find_settings(SECRETS, "again.env")
        assert again.problems == () and again.settings.notes == ()
        assert masked(again.settings) == masked(first)
    assert first.exclude_source_nodes == ("node #1", "rack 3, left", "it's", "back\\slash", "$HOME `x`")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_any_printable_value_is_quoted_and_read_back(value: str) -> None:
    path = Path("quoted.env")
    for comment in ("", "  # .env line 3; default: 'x'"):
        path.write_bytes(f"NAME={quoted(value) or repr('')}{comment}\nNEXT=1\n".encode())
        result = read_config_file(path, required=True, known=("NAME", "NEXT"))
        assert (result.problems, {k: v.value for k, v in result.values.items()}) == ((), {"NAME": value, "NEXT": "1"})


def test_broken_setting_is_printed_as_a_comment_beside_the_valid_ones(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_env(folder, balance_interval="soon", vmmanager_host="https://u:hunter2@h")
    with (folder / ".env").open("a") as file:
        file.write("CLUSTER_IDDS=3\nMAX_MIGRATIONS_PER_CYCLE=3\n")
    code, out, err = config(capsys, "--origins")
    assert code == BAD_SETTINGS
    assert "# BALANCE_INTERVAL cannot be understood  # .env line 8" in out
    assert "MAX_MIGRATIONS_PER_CYCLE=3  # .env line 10; default: 1" in out
    assert [line.split(" is ")[0] for line in err] == [
        "VMMANAGER_HOST",
        "BALANCE_INTERVAL",
        "TELEGRAM_CHAT_ID",
        "CLUSTER_IDDS in .env line 9",
    ]
    assert "hunter2" not in "\n".join([*out, *err])
    (folder / ".env").unlink()
    code, out, err = config(capsys)
    assert code == BAD_SETTINGS and len(out) == len(NAMES), "nothing is set at all"
    [line] = err
    assert line.startswith(f"there is no .env in {folder}: ")


def test_misspelled_setting_is_noted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_env(folder, telegram_chat_id="7")
    with (folder / ".env").open("a") as file:
        file.write("BALANCE_INTERVALL=3\n")
    code, _, err = config(capsys)
    assert code == OK
    assert err == [
        "BALANCE_INTERVALL in .env line 9 is not a setting and does nothing: BALANCE_INTERVAL is probably meant"
    ]


def test_json_output_has_values_origins_and_problems(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_env(folder, telegram_chat_id="7")
    code, out, _ = config(capsys, "--json", "--interval", "60", "--cluster-ids", "x")
    document = json.loads("\n".join(out))
    assert code == BAD_SETTINGS and len(document["problems"]) == 1 and document["notes"] == []
    settings = document["settings"]
    assert list(settings) == NAMES
    assert settings["BALANCE_INTERVAL"] == {
        "value": "60",
        "set": True,
        "secret": False,
        "default": "600",
        "changed": True,
        "origin": "--interval",
    }
    assert settings["CLUSTER_IDS"]["value"] is None and settings["CLUSTER_IDS"]["origin"] == "--cluster-ids"
    password = settings["VMMANAGER_PASSWORD"]
    assert (password["value"], password["set"], password["secret"]) == (None, True, True)
    assert settings["TELEGRAM_NOTIFICATIONS"]["set"] is False


def test_unprintable_value_is_replaced_by_a_comment(folder: Path) -> None:
    settings_file = find_settings({**PANEL, "vmmanager_password": "x", "exclude_source_nodes": ("a\x1b[31mb",)})
    lines = list(as_env(settings_file, origins=False))
    [line] = [line for line in lines if "EXCLUDE_SOURCE_NODES" in line]
    assert line.startswith("# EXCLUDE_SOURCE_NODES holds characters that cannot be shown")
    assert not re.search("[\x00-\x1f]", "".join(lines))


async def _changed_at_run_time(path: Path) -> None:
    store = Store(path)
    await store.open()
    try:
        anna = Actor(ActorKind.TELEGRAM, "Anna \x1b[31m", 1001)
        await store.settings.set(
            "cpu_overload_threshold", "6.5", anna, datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc)
        )
    finally:
        await store.close()


def test_settings_changed_at_run_time_are_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_env(folder, database_path=str(folder / "bot.db"))
    _, _, notes = config(capsys)
    assert not any("while the program runs" in n for n in notes) and not (folder / "bot.db").exists()
    asyncio.run(_changed_at_run_time(folder / "bot.db"))
    _, lines, notes = config(capsys)
    assert "CPU_OVERLOAD_THRESHOLD=7.0" in lines, "it can be read back as a file"
    assert [n for n in notes if "while the program runs" in n] == [
        "CPU_OVERLOAD_THRESHOLD is 6.5 while the program runs: Anna  changed it on 2026-11-22 10:30 UTC"
    ]
    _, lines, _ = config(capsys, "--json")
    assert json.loads("\n".join(lines))["at_run_time"]["CPU_OVERLOAD_THRESHOLD"]["value"] == "6.5"
