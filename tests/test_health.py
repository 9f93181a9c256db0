"""The heartbeat, and how `vm-balancer health` judges it: of a real program, and of a missing or old one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from bot_fixture import HOT_WORLD
from processes import PATIENCE_S, ROOT
from stack import Stack, running_stack

from bot.cli import FAILED, OK, main
from bot.config.settings import Settings, env_name
from bot.domain.health import MARGIN, SILENT, State, judge
from bot.domain.heartbeat import Heartbeat, from_json, to_json
from bot.errors import StoreError
from bot.store.database import SCHEMA_VERSION
from bot.store.readonly import faults_of, heartbeat_of, schema_of
from bot.store.store import Store

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc)
INTERVAL = timedelta(seconds=600)
FRESH = Heartbeat(
    at=NOW - timedelta(seconds=4),
    started_at=NOW - timedelta(hours=3),
    pid=1,
    host="elsewhere",
    interval_s=600,
    cycle_at=NOW - timedelta(seconds=70),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in map(env_name, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- what it means


SIGNS: dict[str, tuple[Heartbeat | None, State, int]] = {
    "none": (None, State.NEVER, 0),
    "fresh": (FRESH, State.HEALTHY, 70),
    "just fresh": (replace(FRESH, at=NOW - SILENT), State.HEALTHY, 70),
    "silent": (replace(FRESH, at=NOW - SILENT - timedelta(seconds=1)), State.SILENT, 91),
    "of the future": (replace(FRESH, at=NOW + timedelta(hours=1)), State.HEALTHY, 70),
    "no check yet": (replace(FRESH, cycle_at=None, started_at=NOW - timedelta(seconds=30)), State.STARTING, 30),
    "no check ever": (replace(FRESH, cycle_at=None), State.LATE, 10_800),
    "just in time": (replace(FRESH, cycle_at=NOW - 2 * INTERVAL - MARGIN), State.HEALTHY, 1260),
    "late": (replace(FRESH, cycle_at=NOW - 2 * INTERVAL - MARGIN - timedelta(seconds=1)), State.LATE, 1261),
    "a check that never ends": (
        replace(FRESH, cycle_at=NOW - timedelta(hours=1), cycle_since=NOW - timedelta(minutes=50)),
        State.LATE,
        3600,
    ),
    "no panel": (replace(FRESH, panel_since=NOW - timedelta(minutes=5), panel_problem="down"), State.PANEL, 300),
    "no chat": (replace(FRESH, chat_since=NOW - timedelta(minutes=5), chat_problem="down"), State.CHAT, 300),
    "late without a panel": (
        replace(FRESH, cycle_at=NOW - timedelta(hours=1), panel_since=NOW - timedelta(hours=1)),
        State.LATE,
        3600,
    ),
    "paused": (replace(FRESH, paused=True), State.PAUSED, 0),
    "stopped": (replace(FRESH, stopped_at=NOW - timedelta(minutes=2)), State.STOPPED, 120),
}


@pytest.mark.parametrize("sign", SIGNS)
def test_heartbeat_is_judged(sign: str) -> None:
    beat, state, seconds = SIGNS[sign]
    result = judge(beat, NOW)
    assert (result.state, result.for_s) == (state, seconds)


def test_dead_process_is_reported_at_once() -> None:
    assert judge(FRESH, NOW, process_gone=True).state is State.GONE
    assert judge(replace(FRESH, stopped_at=NOW), NOW, process_gone=True).state is State.STOPPED


def test_heartbeat_survives_json() -> None:
    for beat, _, _ in SIGNS.values():
        assert beat is None or from_json(to_json(beat)) == beat
    with pytest.raises(ValueError):
        from_json("[]")
    with pytest.raises(ValueError):
        from_json('{"at": "2026-11-22T10:30:00+00:00"}')
    newer = json.loads(to_json(FRESH)) | {"something": "new"}
    assert from_json(json.dumps(newer)) == FRESH


# --- a glance at the database


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


async def test_reading_the_heartbeat_changes_no_file(folder: Path) -> None:
    path = folder / "bot.db"
    assert heartbeat_of(path) is None and files(folder) == {}
    store = Store(path)
    await store.open()
    assert heartbeat_of(path) is None
    await store.heartbeats.save(FRESH)
    await store.heartbeats.save(replace(FRESH, paused=True))
    assert heartbeat_of(path) == replace(FRESH, paused=True), "while the program has it open, without waiting"
    assert schema_of(path) == SCHEMA_VERSION and faults_of(path) == []
    await store.close()
    before = files(folder)
    assert set(before) == {"bot.db"}
    assert heartbeat_of(path) == replace(FRESH, paused=True), "and afterwards"
    assert files(folder) == before


def test_file_that_is_no_database_is_reported(folder: Path) -> None:
    (folder / "notes").write_text("no database at all, only notes " * 100)
    with pytest.raises(StoreError, match="cannot be read"):
        heartbeat_of(folder / "notes")


# --- the command


def health(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["health", *words])
    return code, capsys.readouterr().out.strip().replace("\u00a0", " ")


def test_missing_database_means_not_running(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "vm_balancer.db"
    assert health(capsys) == (FAILED, f"not running: no program has worked with the database {path} yet")
    assert health(capsys, "--database-path", ":memory:")[0] == FAILED
    (folder / "notes").write_text("no database at all, only notes " * 100)
    code, text = health(capsys, "--database-path", "notes")
    assert code == FAILED and text.startswith("unhealthy: ") and "\n" not in text
    assert [p.name for p in folder.iterdir()] == ["notes"]


async def test_each_state_has_its_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(timezone.utc)
    alive = Heartbeat(now, now - timedelta(hours=3), 1, "elsewhere", 600, cycle_at=now - timedelta(seconds=100))
    expected = {
        "healthy: the last check ended": (alive, OK, OK),
        "healthy: paused": (replace(alive, paused=True), OK, OK),
        "starting": (replace(alive, started_at=now, cycle_at=None), OK, OK),
        "alive, but without access to VMmanager for 5 min": (
            replace(alive, panel_since=now - timedelta(minutes=5), panel_problem="down"),
            OK,
            FAILED,
        ),
        "alive, but Telegram": (replace(alive, chat_since=now, chat_problem="down"), OK, FAILED),
        "unhealthy: no check has ended for 2 h": (replace(alive, cycle_at=now - timedelta(hours=2)), FAILED, FAILED),
        "unhealthy: no sign of life for 2 h": (replace(alive, at=now - timedelta(hours=2)), FAILED, FAILED),
        "not running: it was stopped": (replace(alive, stopped_at=now), FAILED, FAILED),
    }
    store = Store(folder / "vm_balancer.db")
    await store.open()
    for words, (beat, code, strictly) in expected.items():
        await store.heartbeats.save(beat)
        seen, text = health(capsys)
        assert text.startswith(words) and seen == code, text
        assert health(capsys, "--strict")[0] == strictly
        document = json.loads(health(capsys, "--json")[1])
        assert document["healthy"] is (code == OK) and document["text"].replace("\u00a0", " ").startswith(words)
    await store.close()


def test_health_ignores_broken_settings(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing settings of the panel are no error either: a health check does not need them."""
    monkeypatch.setenv("BALANCE_INTERVAL", "soon")
    monkeypatch.setenv("DATABASE_PATH", str(folder / "none.db"))
    assert main(["health"]) == FAILED
    output = capsys.readouterr()
    assert output.err == "" and output.out.startswith("not running")


def test_health_imports_no_large_library(folder: Path) -> None:
    code = (
        "import sys\nfrom bot.cli import main\nmain(['health'])\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & set(sys.argv[1:])))"
    )
    large = ["aiogram", "aiohttp", "aiosqlite", "apscheduler", "asyncssh", "matplotlib", "numpy", "rich", "textual"]
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, *large], env=env, cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


# --- of a real program


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, HOT_WORLD) as result:
        yield result


class Asked:
    """Runs the command until it prints this text."""

    def __init__(self, stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
        self._stack = stack
        self._capsys = capsys

    def once(self, *words: str) -> dict[str, Any]:
        path = self._stack.settings["DATABASE_PATH"]
        code = main(["health", "--json", "--database-path", path, *words])
        document: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return document | {"code": code}

    async def until(self, state: str) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            result = self.once()
            return result if result["state"] == state else None

        result: dict[str, Any] = await self._stack.eventually(look, f"health of {state}", PATIENCE_S)
        return result


@pytest.mark.e2e
async def test_health_follows_a_program_from_start_to_end(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    asked = Asked(stack, capsys)
    assert asked.once()["state"] == "never"
    bot = stack.start_bot(BALANCE_INTERVAL="10")
    assert (await asked.until("healthy"))["code"] == OK
    bot.terminate()
    assert await bot.ended() == 0
    assert asked.once()["state"] == "stopped" and asked.once()["code"] == FAILED

    bot = stack.start_bot(BALANCE_INTERVAL="10")
    await asked.until("healthy")
    bot.send(signal.SIGKILL)
    await bot.ended()
    result = await asked.until("gone")
    assert result["code"] == FAILED, "at once: nobody waits for the sign of life to grow old"


@pytest.mark.e2e
async def test_health_names_an_unreachable_panel_or_chat(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    asked = Asked(stack, capsys)
    await stack.panel_fault("http_503")
    stack.start_bot(BALANCE_INTERVAL="10")
    result = await asked.until("panel")
    assert result["code"] == OK and asked.once("--strict")["code"] == FAILED
    await stack.clear_panel_faults()
    await asked.until("healthy")
    await stack.chat_fault("502", method="getUpdates", count=1000)
    await stack.say("/status")  # ends the long poll that is under way
    assert (await asked.until("chat"))["code"] == OK


@pytest.mark.e2e
async def test_paused_program_and_dry_run_are_healthy(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    asked = Asked(stack, capsys)
    bot = stack.start_bot(BALANCE_INTERVAL="10", DRY_RUN="true")
    await asked.until("healthy")
    bot.terminate()
    await bot.ended()
    stack.start_bot(BALANCE_INTERVAL="10")
    await asked.until("healthy")
    await stack.ask("/pause 2h")
    assert (await asked.until("paused"))["code"] == OK
