"""The command line: output, files and exit codes.

Mistakes are tested in the test's process. Everything that works with the panel runs in a separate process, as people
start it.
"""

from __future__ import annotations

import ast
import json
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bot_fixture import HOT_WORLD
from core_builders import cluster, node, snapshot, vm
from processes import PATIENCE_S, ROOT
from servers import Servers
from stack import button, buttons, running_stack, world

from balancer.formats.codec import snapshot_to_dict
from balancer.policy import STRATEGIES
from bot.cli import BAD_SETTINGS, COMMANDS, FAILED, OK, main
from bot.config.settings import Settings, env_name
from bot.domain.version import VERSION

PASSWORD = "hunter2/ß%"
SEED_OPTIONS = (
    *("--host", "--username", "--password", "--cluster-ids", "--cpu-overload-threshold", "--cpu-target-threshold"),
    *("--memory-overload-threshold", "--memory-target-threshold", "--exclude-source-nodes", "--exclude-target-nodes"),
    *("--max-migrations-per-cycle", "--once", "--dry-run", "--interval", "--log-level", "--verify-ssl"),
    *("--ssh-enabled", "--ssh-username", "--ssh-private-key", "--ssh-password", "--ssh-timeout", "--ssh-hosts-mapping"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and no setting in the environment."""
    for name in map(env_name, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


# --- without a panel


def test_three_ways_to_start_one_program() -> None:
    script = shutil.which("vm-balancer", path=str(Path(sys.executable).parent))
    ways = [[sys.executable, "-m", "vm_balancer"], [sys.executable, "-m", "bot"], *([[script]] if script else [])]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = [
        subprocess.run([*way, "--version", "--once"], env=env, capture_output=True, text=True, check=True)
        for way in ways
    ]
    assert len({(d.stdout, d.stderr) for d in done}) == 1, done
    assert done[0].stdout == f"vm-balancer {VERSION}\n"


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == OK
    return capsys.readouterr().out


def test_help_describes_every_command_and_leaves_the_settings_out(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--help")
    for command, sentence in COMMANDS.items():
        assert re.search(rf"^  {command} +{re.escape(sentence)}$", text, re.MULTILINE), command
    assert "--balance-interval" not in text and len(text.splitlines()) < 40


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "demo"])
def test_help_of_a_command_lists_its_own_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, command, "--help")
    assert "--host" not in text and "--balance-mode" not in text and len(text.splitlines()) < 40


def test_help_settings_lists_every_option_of_the_seed(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--help-settings")
    for option in (*SEED_OPTIONS, "--no-verify-ssl", "--config", "--verbose", "--version", "--yes"):
        assert re.search(rf"^  {option}\b", text, re.MULTILINE) or re.search(rf", {option}\b", text), option
    assert "--balance-mode" in shown(capsys, "health", "--help-settings")


def test_all_problems_are_reported_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".env").write_text("BALANCE_INTERVAL=soon\nDRY_RUN=yes\nVMMANAGER_HOTS=https://h\n", "utf-8")
    words = ["--yes", "--passwort", "hunter2", "--cluster-ids", "x", "--log-file", "/no/x.log", "--config", ".env"]
    assert main(words) == BAD_SETTINGS
    lines = said(capsys)
    assert [re.split("[ =]", line)[0] for line in lines] == [
        *("--passwort", "--yes", "BALANCE_INTERVAL", "CLUSTER_IDS"),
        *("VMMANAGER_HOST", "VMMANAGER_USERNAME", "VMMANAGER_PASSWORD", "--yes", "LOG_FILE", "VMMANAGER_HOTS"),
    ]
    assert "--password is probably meant" in lines[0] and "DRY_RUN=true (.env line 2)" in lines[7]
    assert "hunter2" not in "\n".join(lines)


def test_a_missing_settings_file_is_one_line_with_folder_and_remedy(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = f"there is no .env in {folder}: run `vm-balancer init`, copy config.env.example there, or name"
    for words in ([], ["--once"], ["console"], ["snapshot"]):
        assert main(words) == BAD_SETTINGS
        [line] = said(capsys)
        assert line.startswith(missing), words
    assert main(["--host", "https://h"]) == BAD_SETTINGS
    assert [line.split()[0] for line in said(capsys)] == ["VMMANAGER_USERNAME", "VMMANAGER_PASSWORD"]
    (folder / ".env").write_text("", "utf-8")
    assert main([]) == BAD_SETTINGS
    assert len(said(capsys)) == 3


def test_check_without_settings_names_only_the_first_step(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == FAILED
    lines = capsys.readouterr().out.splitlines()
    assert f"there is no .env in {folder}" in lines[0]
    assert len([line for line in lines if "not tested" in line]) == 1 and len(lines) < 9


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--passwort=hunter2"], "--passwort is not an option: --password is probably meant"),
        (["-xhunter2"], "-x is not an option"),
        (["--password", "two", "hunter2"], "1 word too many after the options"),
        (["--interval"], "--interval has no value: put one after it"),
        (["--once", "plan"], "plan is a command: put it first"),
        (["statsu"], f"'statsu' is not a command: the commands are {', '.join(COMMANDS)}"),
        (["--config", "missing.env"], "the settings file 'missing.env' does not exist"),
        (["plan"], "FILE is missing"),
        (
            ["plan", "x", "--limit", "many"],
            "--limit is 'many': a whole number from 0 to 2147483647 is needed, 0 = no limit",
        ),
        (["plan", "x", "--limit", "-1"], "--limit is '-1': a whole number from 0 to"),
        (["history", "--limit", "9" * 30], f"--limit is '{'9' * 30}': a whole number from 0 to 2147483647 is needed"),
        (["audit", "--limit", "1e3"], "--limit is '1e3': a whole number from 0 to 2147483647 is needed, 0 = all"),
        (["plan", "x", "--strategy", "best"], f"--strategy is 'best': {' or '.join(STRATEGIES)} is needed"),
        (["plan", "x", "--optimize-for", "joy"], "--optimize-for is 'joy': auto or time or moves or memory is needed"),
        (["plan", "x", "--place", "8", "many"], "--place is '8 many': a whole number of vCPUs (1 to 100000)"),
        (["plan", "x", "--place", "8.5", "16"], "--place is '8.5 16': a whole number of vCPUs"),
        (["plan", "x", "--place", "1", "inf"], "--place is '1 inf': a whole number"),
        (["plan", "x", "--place", "nan", "1"], "--place is 'nan 1': a whole number"),
        (["plan", "x", "--place", "1e308", "1"], "--place is '1e308 1': a whole number"),
        (["plan", "x", "--place", "8", "1e308"], "--place is '8 1e308': a whole number"),
        (["plan", "x", "--place", "0", "1"], "--place is '0 1': a whole number"),
        (["plan", "x", "--nodes", "a"], "--nodes is given without --survive or --roll: add one of them"),
        (["plan", "x", "--survive", "--nodes", " ,"], "--nodes is ' ,': names or ids of nodes are needed"),
        (["plan", "x", "--drain", "a", "--fill", "b"], "--fill and --drain cannot be used together"),
        (["plan", "x", "--config", "y"], "--config is not an option"),
        (["snapshot", "--host", "https://u:hunter2@h"], "VMMANAGER_HOST is (hidden) (--host): an address such as"),
    ],
)
def test_command_line_mistakes_get_one_clear_line(
    words: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == BAD_SETTINGS
    lines = said(capsys)
    assert lines[0].startswith(wanted)
    assert "hunter2" not in "\n".join(lines)


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "is not JSON"),
    "empty": (b"", "is not JSON"),
    "not UTF-8": (b"\xff\xfe{}", "is not UTF-8"),
    "endless": (b"[" * 100_000, "is not JSON"),
    "a list": (b"[]", "is not a snapshot that can be planned"),
    "another object": (b'{"a": 1}', "is not a snapshot that can be planned"),
    "a broken instance": (b'{"format": "vmbal-1", "nodes": [{}], "vms": []}', "is not a snapshot that can be planned"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_plan_of_a_bad_file_prints_one_error_line(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, wanted = BAD_FILES[name]
    (folder / "x.json").write_bytes(data)
    assert main(["plan", "x.json"]) == BAD_SETTINGS
    [line] = said(capsys)
    assert line.startswith("x.json") and wanted in line
    assert main(["plan", "missing.json"]) == BAD_SETTINGS == main(["plan", "."])
    assert [line.split(" (")[0] for line in said(capsys)] == ["missing.json cannot be read", ". cannot be read"]


NEUTRAL = {
    "format": "vmbal-1",
    "thresholds": {"cpu_ratio": 4.0, "mem_pct": 70},
    "nodes": [{"id": f"n{i}", "cpus": 8, "ram_mib": 65536, "qemu": "8.2.0"} for i in range(3)],
    "vms": [{"id": f"v{i}", "node": "n0", "vcpus": 4, "ram_mib": 1024, "state": "running"} for i in range(12)],
}


def test_plan_of_a_neutral_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "x.json").write_text(json.dumps(NEUTRAL), "utf-8")
    for words in ([], ["--limit", "0"]):
        assert main(["plan", "x.json", "--json", *words]) == OK
        shown = capsys.readouterr()
        moves = json.loads(shown.out)["moves"]
        assert len(moves) == 4, "no limit: 12 x 4 vCPUs on 8 CPUs are too many by four VMs"
        assert all(set(move) == {"vm", "from", "to"} and move["from"] == "n0" for move in moves)
        assert shown.err == "", "the planner's own time is for benchmarks, which ask for it"
    assert main(["plan", "x.json", "--stats"]) == OK
    [stats] = said(capsys)
    assert json.loads(stats.removeprefix("#STATS "))["plan_s"] > 0
    assert main(["plan", "x.json", "--json", "--limit", "1", "--strategy", "smallest-first"]) == OK
    assert len(json.loads(capsys.readouterr().out)["moves"]) == 1
    assert main(["plan", "x.json", "--language", "ru"]) == OK
    assert "v0" in capsys.readouterr().out


def test_requests_are_planned_on_a_saved_snapshot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = snapshot(
        [node(1), node(2, vcpus_allocated=40), node(3, cluster_id=2)],
        [vm(11), vm(12, iso_mounted=True)],
        [cluster(), cluster(2, name="<other>")],
    )
    (folder / "s.json").write_text(json.dumps(snapshot_to_dict(seen)), "utf-8")

    def asked(*words: str) -> str:
        assert main(["plan", "s.json", *words]) == OK
        return capsys.readouterr().out.replace("\xa0", " ")

    drained = json.loads(asked("--drain", "N1", "--json"))
    assert drained["moves"] == [{"vm": 11, "from": 1, "to": 2}]
    assert [r["reason"]["code"] for r in drained["plans"][0]["rejections"]] == ["vm-iso"]
    assert "an ISO image is mounted" in asked("--drain", "1")
    assert "освобождается" in asked("--drain", "1", "--language", "ru")
    assert json.loads(asked("--fill", "2", "--json"))["plans"][0]["purpose"] == "fill"
    placed = json.loads(asked("--place", "8", "16", "--json"))["placements"]
    assert [(p["cluster_id"], p["total"]) for p in placed] == [(1, 2), (2, 1)]
    lines = asked("--place", "8", "16").splitlines()
    assert lines[0] == "Cluster c1 (ID 1): room for 2 more VMs of 8 vCPU and 16 GiB"
    assert lines[1] == "  1. n1: CPU 3.0 → 3.8, memory 40 → 56 %, room for 1"
    assert lines[3] == "Cluster <other> (ID 2): room for one more VM of 8 vCPU and 16 GiB"
    assert "  - CPU would be too full (2×)" in asked("--place", "60", "1").splitlines()


def test_moves_that_make_room_for_a_new_vm_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = [node(1, vcpus_allocated=64), node(2, vcpus_allocated=62), node(3, vcpus_allocated=62)]
    seen = snapshot(nodes, [vm(i, vcpus=6) for i in (11, 12, 13)])
    (folder / "s.json").write_text(json.dumps(snapshot_to_dict(seen)), "utf-8")

    def asked(*words: str) -> str:
        assert main(["plan", "s.json", "--place", *words]) == OK
        return capsys.readouterr().out.replace("\xa0", " ")

    lines = asked("16", "1").splitlines()
    assert "  These 2 moves, in this order, make room on n1; no plan does with fewer:" in lines
    assert "    1. v12: n1 → n2 (6 vCPU, 3.9 GiB)" in lines
    assert "no plan of up to four moves" in asked("60", "1")
    [placed] = json.loads(asked("16", "1", "--json"))["placements"]
    assert (placed["room"]["node_name"], placed["room"]["proven"], len(placed["room"]["moves"])) == ("n1", True, 2)
    [placed] = json.loads(asked("2", "1", "--json"))["placements"]
    assert placed["room"] is None


def test_survival_is_answered_on_a_saved_snapshot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = snapshot(
        [node(1), node(2, vcpus_allocated=60), node(3, vcpus_allocated=60)],
        [vm(11, name="large", vcpus=12), vm(12, node_id=2, vcpus=2)],
    )
    (folder / "s.json").write_text(json.dumps(snapshot_to_dict(seen)), "utf-8")

    def asked(*words: str) -> list[str]:
        assert main(["plan", "s.json", *words]) == OK
        return capsys.readouterr().out.replace("\xa0", " ").splitlines()

    lines = asked("--survive")
    assert lines[0].startswith("⚠️ c1: 1 of 3 nodes cannot be lost")
    assert lines[1:3] == ["  ❌ n1: no room for 1 of 1 VMs: large", "    no other node has room for large"]
    assert asked("--survive", "--nodes", "n2, 3")[0] == "✅ c1 · n2, n3: room for the one VM that runs there"
    assert asked("--survive", "--nodes", "2")[1].startswith("  → n")
    assert asked("--survive", "--without", "n1")[0].startswith("⚠️ c1: 2 of 2 nodes")
    assert "не поместятся на других" in asked("--survive", "--language", "ru")[0]
    [survival] = json.loads("\n".join(asked("--survive", "--json")))["survivals"]
    assert (survival["verdict"], [loss["verdict"] for loss in survival["losses"]]) == ("no", ["no", "yes", "yes"])


def test_plan_without_a_node_leaves_it_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = snapshot([node(1, vcpus_allocated=80), node(2), node(3)], [vm(11, vcpus=20), vm(12, vcpus=20)])
    (folder / "s.json").write_text(json.dumps(snapshot_to_dict(seen)), "utf-8")
    targets = []
    for gone in ([], ["--without", "n2"], ["--without", "n1"]):
        assert main(["plan", "s.json", "--json", *gone]) == OK
        targets.append([move["to"] for move in json.loads(capsys.readouterr().out)["moves"]])
    assert targets == [[2], [3], []]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("web", "--drain is 'web': several nodes have this name, give one of the ids 1, 2"),
        ("dbb", "--drain is 'dbb', but no node of the snapshot has this name: db is probably meant"),
        ("9", "--drain is '9', but no node of the snapshot has this name: give the name or the id of a node"),
    ],
)
def test_request_names_exactly_one_node(
    name: str, complaint: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = snapshot([node(1, name="web"), node(2, name="Web"), node(3, name="db")], [])
    (folder / "s.json").write_text(json.dumps(snapshot_to_dict(seen)), "utf-8")
    assert main(["plan", "s.json", "--drain", name]) == BAD_SETTINGS
    assert said(capsys)[0].startswith(complaint)


# --- with a panel


class HotPanel:
    """A panel with the hot world, and questions of tests about it."""

    def __init__(self) -> None:
        self.servers = Servers(HOT_WORLD, migration_s=0.5, task_row_delay_s=0.1, password=PASSWORD)
        self.url = self.servers.panel

    def call(self, path: str, body: Any = None, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/sandbox/{path}", data, method=method)  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)

    def reset(self) -> None:
        self.call("faults", method="DELETE")
        self.call("world", [{"op": "move_vm", "id": 11, "node": 1}])
        self.call("requests", method="DELETE")

    def asked(self, method: str) -> list[str]:
        """Paths that the panel was asked for, the login apart."""
        rows = self.call(f"requests?method={method}")
        rows = rows["requests"] if isinstance(rows, dict) else rows
        return [row["path"] for row in rows if "/public/" not in row["path"]]

    @property
    def starts(self) -> int:
        return sum(path.endswith("/migrate") for path in self.asked("POST"))


def eventually(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (result := look()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
    return result


@pytest.fixture(scope="module")
def one_panel() -> Iterator[HotPanel]:
    running = HotPanel()
    yield running
    running.servers.close()


@pytest.fixture
def panel(one_panel: HotPanel) -> HotPanel:
    one_panel.reset()
    return one_panel


def environment(panel: HotPanel, **changes: str) -> dict[str, str]:
    login = {"VMMANAGER_HOST": panel.url, "VMMANAGER_USERNAME": "admin@example.com", "VMMANAGER_PASSWORD": PASSWORD}
    mine = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TASK_POLL_INTERVAL": "0.1", "TZ": "Asia/Kolkata"}
    return {**mine, "LC_ALL": "C", "BALANCE_STRATEGY": "smallest-first", **login, **changes}


def run(panel: HotPanel, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        env=environment(panel, **changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )


def content(path: Path) -> dict[str, int]:
    """Rows of every table of a database."""
    with sqlite3.connect(path) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {t: connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables}  # noqa: S608


def test_a_dry_run_prints_report_and_plan_and_leaves_nothing_behind(panel: HotPanel, folder: Path) -> None:
    done = run(panel, "--once", "--dry-run")
    assert (done.returncode, done.stderr) == (OK, "")
    assert "Production" in done.stdout and "small-a" in done.stdout and "hot → cool" in done.stdout
    assert done.stdout.endswith("Dry run: nothing was changed.\n")
    assert list(folder.iterdir()) == []
    assert panel.asked("POST") == [] and panel.asked("GET") != []


def test_once_without_terminal_and_chat_explains_and_does_nothing(panel: HotPanel, folder: Path) -> None:
    done = run(panel, "--once")
    assert done.returncode == OK
    assert "small-a" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Nothing was done: BALANCE_MODE is approve and there is nobody")
    assert panel.asked("POST") == []
    before = content(folder / "vm_balancer.db")
    assert before and not any(rows for table, rows in before.items() if table in ("proposal", "move", "migration"))
    log = (folder / "vm_balancer.log").read_bytes()

    done = run(panel, "--once", "--dry-run", PYTHONIOENCODING="ascii")
    assert done.returncode == OK and "hot ? cool" in done.stdout, "a terminal without arrows"
    assert content(folder / "vm_balancer.db") == before, "a dry run adds nothing to what is there"
    assert (folder / "vm_balancer.log").read_bytes() == log


def test_yes_migrates_waits_and_logs_without_the_password(panel: HotPanel, folder: Path) -> None:
    done = run(panel, "--once", "--yes", "--verbose")
    assert done.returncode == OK, done.stderr
    assert re.search(r"small-a: hot → cool: done in \d+ s", done.stdout)
    assert panel.starts == 1
    log = (folder / "vm_balancer.log").read_text("utf-8")
    shape = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[(DEBUG|INFO|WARNING|ERROR)\] \S|    )")
    assert log and all(shape.match(line) for line in log.splitlines())
    assert "hunter2" not in log + done.stdout + done.stderr
    assert "small-a (" not in done.stderr, "what is printed is not logged to the terminal as well"


def test_automatic_mode_runs_without_a_person(panel: HotPanel) -> None:
    done = run(panel, "--once", BALANCE_MODE="auto")
    assert done.returncode == OK and "done in" in done.stdout
    assert panel.starts == 1


def test_a_failed_migration_is_exit_code_1(panel: HotPanel) -> None:
    panel.call("faults", {"kind": "migrate_fails", "output": "qemu: too many dirty pages"})
    done = run(panel, "--once", "--yes")
    assert done.returncode == FAILED
    assert "failed" in done.stdout and "qemu: too many dirty pages" in done.stdout


@pytest.mark.parametrize(
    ("words", "fault"),
    [(["--once", "--dry-run"], "password"), (["--once", "--yes"], "password"), (["snapshot"], "down")],
)
def test_unusable_panel_is_one_line_and_exit_code_1(panel: HotPanel, words: list[str], fault: str) -> None:
    wrong = {"VMMANAGER_PASSWORD": "wrong-hunter2"} if fault == "password" else {"VMMANAGER_HOST": "http://127.0.0.1:9"}
    done = run(panel, *words, **wrong)
    assert (done.returncode, done.stdout) == (FAILED, "")
    [line] = done.stderr.splitlines()
    assert ("refused the login" if fault == "password" else "out of reach") in line and "hunter2" not in line


def test_a_snapshot_is_planned_offline_with_the_same_moves(
    panel: HotPanel, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = run(panel, "--once", "--dry-run", "--max-migrations-per-cycle", "3").stdout
    saved = run(panel, "snapshot", "--max-migrations-per-cycle", "3", PYTHONIOENCODING="ascii")
    assert (saved.returncode, saved.stderr) == (OK, "")
    (folder / "s.json").write_text(saved.stdout, "utf-8")
    assert [p.name for p in folder.iterdir()] == ["s.json"], "looking makes no database"
    with (folder / "s.json").open("rb") as file:
        command = [sys.executable, "-m", "bot", "plan", "-"]
        piped = subprocess.run(command, stdin=file, env=environment(panel), capture_output=True, check=True)
    assert piped.stdout.decode() == live.removesuffix("Dry run: nothing was changed.\n")
    capsys.readouterr()
    assert main(["plan", "s.json", "--json"]) == OK
    as_json = json.loads(capsys.readouterr().out)
    assert as_json["moves"] == [{"vm": vm, "from": 1, "to": 2} for vm in (11, 12, 13)]
    assert len(as_json["plans"]) == 1
    assert main(["plan", "s.json", "--json", "--limit", "1"]) == OK
    assert len(json.loads(capsys.readouterr().out)["moves"]) == 1


# --- ends before its time


def started(panel: HotPanel, *words: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "bot", *words], env=environment(panel), **options)


@pytest.mark.parametrize(("sign", "words"), [(signal.SIGTERM, []), (signal.SIGINT, ["--once", "--yes"])])
def test_a_signal_during_the_work_ends_it_cleanly(panel: HotPanel, sign: signal.Signals, words: list[str]) -> None:
    panel.call("faults", {"kind": "slow", "delay": 0.5})
    with started(panel, *words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as bot:
        eventually(lambda: panel.asked("GET"))
        bot.send_signal(sign)
        _, errors = bot.communicate(timeout=PATIENCE_S)
    assert bot.returncode == OK
    assert b"Traceback" not in errors
    if not words:
        line = (
            rf"vm-balancer \S.* · approve mode · panel {panel.url} · no chat · checks now and every 600 s · database "
        )
        assert re.search(line, errors.decode()), errors


def test_closed_output_pipe_does_not_stop_the_work(panel: HotPanel) -> None:
    with started(
        panel, "--once", "--yes", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as bot:
        assert bot.stdout is not None and bot.stderr is not None
        bot.stdout.close()
        errors = bot.stderr.read()
    assert bot.returncode == OK and panel.starts == 1
    assert b"Traceback" not in errors and b"BrokenPipe" not in errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_reported(panel: HotPanel) -> None:
    with Path("/dev/full").open("wb") as full, started(panel, "snapshot", stdout=full, stderr=subprocess.PIPE) as bot:
        assert bot.stderr is not None
        assert bot.stderr.read() == b"standard output cannot be written: No space left on device\n"
    assert bot.returncode == FAILED


# --- in a terminal


class Typist:
    """The program in a pseudo-terminal, and its output."""

    def __init__(self, panel: HotPanel, *words: str) -> None:
        self.master, slave = pty.openpty()
        self.bot = started(panel, *words, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(slave)
        self.text = ""

    def until(self, part: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while part not in self.text:
            assert self._more(deadline), f"no {part!r} in:\n{self.text}"

    def type(self, text: str) -> None:
        self.text = ""
        os.write(self.master, text.encode())

    def ended(self) -> int:
        while self._more(time.monotonic() + PATIENCE_S):
            pass
        os.close(self.master)
        return self.bot.wait(PATIENCE_S)

    def _more(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self.master, 4096) if ready else b""
        except OSError:  # the other end is closed
            data = b""
        self.text += data.decode("utf-8", "replace")
        return bool(data)


ANSWERS: dict[str, tuple[list[str], int, int]] = {
    # what is typed at each question -> starts at the panel, exit code
    "yes": (["y\n", "n\n"], 1, OK),
    "no": (["maybe\n", "n\n", "no\n"], 0, OK),
    "all": (["a\n"], 2, OK),
    "pasted": (["y\nq\n"], 1, OK),
    "end of input": (["\x04"], 0, OK),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_once_asks_at_the_terminal(answer: str, panel: HotPanel, folder: Path) -> None:
    typed, starts, code = ANSWERS[answer]
    person = Typist(panel, "--once", "--max-migrations-per-cycle", "2")
    for text in typed:
        person.until("Approve?")
        person.type(text)
    assert person.ended() == code
    assert panel.starts == starts
    panel.call("world", [{"op": "move_vm", "id": 12, "node": 1}])
    with sqlite3.connect(folder / "vm_balancer.db") as connection:
        states = {state for (state,) in connection.execute("SELECT state FROM move")}
    assert "pending" not in states, "nothing is left that could still be approved"


def test_a_signal_at_the_question_ends_it(panel: HotPanel) -> None:
    person = Typist(panel, "--once")
    person.until("Approve?")
    person.bot.send_signal(signal.SIGINT)
    assert person.ended() == OK
    assert panel.starts == 0


# --- with a chat


@pytest.mark.e2e
async def test_once_with_a_chat_waits_until_every_move_is_decided_or_expired(tmp_path: Path) -> None:
    async with running_stack(tmp_path, world(), migration_s=0.5, task_row_delay_s=0.1) as stack:
        bot = stack.start_bot("--once")
        report = await stack.message("small-a", buttons=True)
        assert bot.exit_code() is None, "it waits"
        await stack.press(report, button(report, "✅ Approve 1"))
        assert await bot.ended() == OK
        assert (await stack.message("done in"))["message_id"] == report["message_id"]
        assert await stack.starts() == [(11, 2)]
        bot = stack.start_bot("--once", PROPOSAL_TTL="5")
        await stack.message("1. small-b", buttons=True)
        assert await bot.ended() == OK
        ended = await stack.message("expired, nobody decided")
        assert not any("Approve" in label for label in buttons(ended)), "only Move back of the first move is left"
        assert await stack.starts() == [(11, 2)]


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        (["--version"], {"pydantic", "numpy", "fluent", "asyncio", "logging", "email"}),
        (["plan", "small.json", "--json"], {"pydantic", "numpy", "fluent", "asyncio"}),
        (["plan", "small.json", "--strategy", "optimal"], {"pydantic", "numpy", "fluent", "asyncio"}),
        (["plan", "small.json"], {"pydantic", "numpy", "fluent", "asyncio"}),
    ],
)
def test_short_commands_import_only_what_they_need(words: list[str], unneeded: set[str], folder: Path) -> None:
    nodes = [{"id": name, "cpus": 2, "ram_mib": 100000} for name in ("hot", "cool")]
    vms = [{"id": name, "node": "hot", "vcpus": 5, "ram_mib": 1000} for name in ("a", "b", "c")]
    document = {"format": "vmbal-1", "name": "small", "nodes": nodes, "vms": vms}
    Path("small.json").write_text(json.dumps(document), "utf-8")
    code = "import sys; from bot.cli import main; code = main(sys.argv[1:]); print(sorted(sys.modules)); sys.exit(code)"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")])}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *words], env=env, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert unneeded.isdisjoint(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_version_is_that_of_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'version = "{VERSION}"' in project.splitlines()
