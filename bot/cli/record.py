"""`check --record FILE`: writes the answers of this panel as a fixture without names. Sends it nowhere.

It only reads, unless a person requests a recorded migration of a test VM too (record_migration.py).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from balancer.model import Snapshot
from bot.cli.record_migration import RecordedMigration, migration_entry
from bot.config.panel_client import panel_client
from bot.config.settings import Settings
from bot.domain.clock import utc_now
from bot.errors import ConfigError, PanelError
from bot.panel import snapshots
from bot.panel.client import RawAnswer, VMManagerAPI
from bot.panel.fields import count, maybe_flag
from bot.panel.recording import ACTIVE_TASKS, FORMAT, Anonymizer, kind_of, shortened, statistics, unknown_keys
from bot.panel.remarks import sums_of

KNOWN = {
    "cluster": ("id", "name", "virtualization_type", "host_per_node_limit", "host_filter", "storage", "storages"),
    "node": (
        *("id", "name", "cluster", "ip", "ip_addr", "port", "ssh_user", "state", "maintenance_mode", "maintenance"),
        *("host_creation_blocked", "host_limit", "host_filter", "live_migration_allowed", "cpu", "cpu_number"),
        *("ram_mib", "vm", "host_count", "qemu_version", "kernel_version"),
    ),
    "vm": (
        *("id", "name", "node", "cluster", "state", "cpu_number", "cpu_number_new", "ram_mib", "ram_mib_new", "disk"),
        *("iso_mounted", "snapshot_count", "balancer_mode", "disabled", "rescue_mode", "nesting", "cpu_mode"),
        *("vm5_restrictions", "tags", "uptime"),
    ),
}
"""Kind of list -> the fields of its rows that rows.py reads."""
LISTS = {"cluster": "/vm/v3/cluster", "node": "/vm/v3/node", "vm": "/vm/v3/host"}
MISSING_ID = 999_999_999


Migrate = Callable[[], Awaitable[RecordedMigration | None]]


async def record(settings: Settings, file: Path, migrate: Migrate | None = None) -> dict[str, Any]:
    """Asks the panel about 20 times, writes the recording, and returns it.

    Args:
        migrate: makes one watched migration after the questions. It is part of the recording.
    Raises:
        ConfigError: the file exists already, or cannot be written.
        PanelError: the panel cannot be reached, or refuses the login.
    """
    _refuse_existing(file)
    async with panel_client(settings, utc_now) as panel:
        answers = await _answers(panel)
        login = panel.login_answer
    migration = None if migrate is None else await migrate()
    document = _document(answers, login, migration)
    _write(file, document)
    return document


async def _answers(panel: VMManagerAPI) -> list[RawAnswer]:
    answers = [await panel.raw("/vm/v3/cluster", log_in=False)]
    for path in ("/auth/v4/whoami", "/vm/v3/account", "/vm/v3/version", *LISTS.values()):
        answers.append(await panel.raw(path))
    vms = _rows(answers[-1])
    for path in _questions(vms):
        answers.append(await panel.raw(path))
    return answers


def _questions(vms: list[dict[str, Any]]) -> list[str]:
    """Further requests: about a VM without obstacles, one with a snapshot and one with an ISO image."""
    plain = next((v for v in vms if not count(v.get("snapshot_count")) and not maybe_flag(v.get("iso_mounted"))), None)
    snapshot = next((v for v in vms if count(v.get("snapshot_count"))), None)
    iso = next((v for v in vms if maybe_flag(v.get("iso_mounted"))), None)
    paths = ["/vm/v3/host?limit=1", "/vm/v3/host?limit=1,2"]
    if plain is not None:
        paths += [
            f"/vm/v3/host?where=({name}+EQ+{_id(plain if name == 'id' else plain.get(name))})"
            for name in ("id", "node", "cluster")
        ]
        paths += [
            f"/vm/v3/host/{_id(plain)}",
            f"/vm/v3/node/{_id(plain.get('node'))}",
            f"/vm/v3/host/{_id(plain)}/history",
        ]
    paths += [f"/vm/v3/host/{_id(v)}/migrate" for v in (plain, snapshot, iso) if v is not None]
    return [
        *paths,
        "/vm/v3/task?limit=5",
        ACTIVE_TASKS,
        f"/vm/v3/host/{MISSING_ID}",
        "/vm/v3/host?where=(no_such_column+EQ+1)",
    ]


def _document(answers: list[RawAnswer], login: RawAnswer | None, migration: RecordedMigration | None) -> dict[str, Any]:
    names = Anonymizer()
    for answer in (*answers, *(() if migration is None else migration.answers())):
        names.learn(answer.document, kind_of(answer.path, answer.method))
    entries = [_entry(answer, names) for answer in answers]
    if login is not None:
        entries.insert(1, _entry(login, names))
    document = {
        "format": FORMAT,
        "recorded_at": utc_now().replace(microsecond=0).isoformat(),
        "requests": entries,
        "derived": _derived({answer.path: answer for answer in answers if answer.authenticated}),
    }
    if migration is not None:
        document["migration"] = migration_entry(migration, lambda answer: _entry(answer, names))
    return document


def _entry(answer: RawAnswer, names: Anonymizer) -> dict[str, Any]:
    rows, document = _rows(answer), answer.document
    listed = isinstance(document, dict) and isinstance(document.get("list"), list)
    return {
        "method": answer.method,
        "path": _path(answer.path, names),
        "authenticated": answer.authenticated,
        "status": answer.status,
        "content_type": answer.content_type,
        "seconds": round(answer.seconds, 3),
        "bytes": answer.size,
        "rows": len(rows) if listed else None,
        "size": document.get("size") if isinstance(document, dict) and listed else None,
        "keys": statistics(document),
        "answer": names.rewrite(shortened(document), kind_of(answer.path, answer.method)),
    }


def _path(path: str, names: Anonymizer) -> str:
    """The path with the new ids in it."""
    bare, _, query = path.partition("?")
    parts = bare.split("/")
    if len(parts) > 4 and parts[4].isdecimal() and int(parts[4]) != MISSING_ID:
        parts[4] = str(names.number("node" if parts[3] == "node" else "vm", int(parts[4])))
    for name, kind in (("id", "vm"), ("node", "node"), ("cluster", "cluster")):
        head = f"where=({name}+EQ+"
        if query.startswith(head) and query.removeprefix(head)[:-1].isdecimal():
            query = f"{head}{names.number(kind, int(query.removeprefix(head)[:-1]))})"
    return "/".join(parts) + (f"?{query}" if query else "")


def _derived(by_path: dict[str, RawAnswer]) -> dict[str, Any]:
    """Facts about the whole lists, because the recording has only their first rows."""
    whole = {kind: by_path[path] for kind, path in LISTS.items()}
    derived: dict[str, Any] = {
        "unknown_fields": {k: unknown_keys(statistics(whole[k].document), KNOWN[k]) for k in LISTS},
        "rows_without_cluster": {
            k: sum(_id(row.get("cluster")) is None for row in _rows(whole[k])) for k in ("node", "vm")
        },
        "nodes_with_different_live_migration_allowed": _different(_rows(whole["vm"])),
    }
    try:
        clusters, nodes, vms = (whole[kind].document for kind in LISTS)
        read = snapshots.snapshot(clusters, nodes, vms, utc_now())
    except PanelError as error:
        return {**derived, "snapshot": type(error).__name__}
    return {**derived, "sums": _sums(read), "remarks": sorted({remark.reason.code for remark in read.remarks})}


def _sums(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    counts = {}
    for figure in ("vcpus", "memory"):
        sums = sums_of(figure, snapshot.nodes, snapshot.vms)
        counts[figure] = {
            "nodes": len(snapshot.nodes),
            "equal_all_vms": sums.every,
            "equal_active_vms": sums.active,
            "equal_neither": len(sums.neither),
            "missing": len(sums.missing),
        }
    return counts


def _different(vms: list[dict[str, Any]]) -> int:
    counts: dict[int, Counter[object]] = {}
    for row in vms:
        under = row.get("node")
        if isinstance(under, dict) and _id(under) is not None:
            counts.setdefault(_id(under) or 0, Counter())[str(under.get("live_migration_allowed"))] += 1
    return sum(len(words) > 1 for words in counts.values())


def _rows(answer: RawAnswer) -> list[dict[str, Any]]:
    document = answer.document
    rows = document.get("list") if isinstance(document, dict) else document
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _id(value: Any) -> int | None:
    number = value.get("id") if isinstance(value, dict) else value
    return int(str(number)) if str(number).isdecimal() else None


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise ConfigError([f"--record is {str(file)!r}: this file exists; name another one"])


def _write(file: Path, document: dict[str, Any]) -> None:
    """Writes a file that only this user can read; never replaces another file."""
    text = json.dumps(document, indent=1, ensure_ascii=False)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text + "\n")
    except OSError as error:
        raise ConfigError([f"--record is {str(file)!r}: it cannot be written ({error.strerror})"]) from error
