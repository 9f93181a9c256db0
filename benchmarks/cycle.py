"""A cycle of the running program on the sandbox's `large` world: 20 clusters, 500 nodes, 15,000 VMs.

Three processes that talk over HTTP: the emulated panel, the emulated chat, and the whole program (timer, executor,
chat), with a heartbeat on its event loop that records every gap. Cycles are requested one after the other, and a
person in the chat sends `/status` again and again. Afterwards the parts of a cycle are timed one by one.

`python -m benchmarks.cycle` prints the figures as JSON. Runs on the same machine differ; no test uses them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.process import ROOT

CYCLES = 5
BEAT_S = 0.005
GROUP, ADMIN = -1001000000001, 1001
TOKEN = "123456:SANDBOX-TOKEN"  # noqa: S105 - the emulated chat's own
PATIENCE_S = 60.0
A_DAY = timedelta(days=1)
STATUS_BEGINS = "VM Balancer"
PARTS = ("fetch", "decode", "plan", "store", "render")


# --- the program, in a process of its own ----------------------------------------------------------------


class Heartbeat:
    """The longest time for which one piece of work blocked the event loop.

    ``own_s``: the part of such a time in which the program itself worked, all its threads together. The rest went to
    other processes: the panel, the chat and other users of the machine.
    """

    def __init__(self) -> None:
        self.longest_s = self.own_s = self.loop_s = 0.0
        """``loop_s``: as ``own_s``, for the thread of the event loop alone."""

    async def beat(self) -> None:
        while True:
            asked, worked, looped = time.perf_counter(), time.process_time(), time.thread_time()
            await asyncio.sleep(BEAT_S)
            late = time.perf_counter() - asked - BEAT_S
            self.longest_s = max(self.longest_s, late)
            self.own_s = max(self.own_s, min(late, time.process_time() - worked))
            self.loop_s = max(self.loop_s, min(late, time.thread_time() - looped))


async def inside(cycles: int) -> dict[str, Any]:
    """Runs the program with the settings of its environment, and prints the figures."""
    from bot.app.program import VMBalancer
    from bot.observability.gc_tuning import tune

    heart = Heartbeat()
    stalls, own, seconds = [], [], []
    async with VMBalancer() as balancer:
        tune()  # as the command does
        running = asyncio.ensure_future(balancer.run())
        beating = asyncio.ensure_future(heart.beat())
        await _after_the_first(balancer)
        requests_before = await _requests(balancer.settings.vmmanager_host or "")
        begun_at = time.time()
        for _ in range(cycles):
            heart.longest_s = heart.own_s = 0.0
            started = time.perf_counter()
            report = await balancer.service.cycle.run()
            seconds.append(time.perf_counter() - started)
            await asyncio.sleep(0.5)  # the notifier and the chat after it
            stalls.append(heart.longest_s)
            own.append(heart.own_s)
            if report.outcome != "done":
                raise RuntimeError(f"the cycle ended with {report.outcome}: {report.problem}")
        requests = await _requests(balancer.settings.vmmanager_host or "") - requests_before
        ended_at = time.time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        parts = await _parts(balancer)
        beating.cancel()
        balancer.stop()
        await running
        with suppress(asyncio.CancelledError):
            await beating
    return {
        "cycles": cycles,
        "between": (begun_at, ended_at),
        "cycle_s": statistics.median(seconds),
        "stalls_ms": [round(1000 * s, 1) for s in stalls],
        "longest_stall_ms": 1000 * max(stalls),
        "longest_own_stall_ms": 1000 * max(own),
        "rss_mib": peak,
        "reads_a_cycle": requests / cycles,
        "parts_ms": parts,
    }


async def _after_the_first(balancer: Any) -> None:
    """The timer begins with a cycle of its own."""
    while (await balancer.service.cycle.run()).outcome == "busy":  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.1)


async def _requests(panel: str) -> int:
    """How many lists were requested from the panel so far."""
    async with aiohttp.ClientSession() as http, http.get(f"{panel}/sandbox/requests?method=GET") as answer:
        document = await answer.json(content_type=None)
    rows = document["requests"] if isinstance(document, dict) else document
    return sum(row["path"] in ("/vm/v3/cluster", "/vm/v3/node", "/vm/v3/host") for row in rows)


async def _parts(balancer: Any) -> dict[str, float]:
    """Milliseconds of each part alone, with nothing beside it: the median of three."""
    rounds = [await _parts_once(balancer) for _ in range(3)]
    return {part: 1000 * statistics.median(each[part] for each in rounds) for part in PARTS}


async def _parts_once(balancer: Any) -> dict[str, float]:
    from balancer.planner import plan
    from bot.panel import responses, rows, snapshots
    from bot.store.store import Store
    from bot.telegram.views.proposals import proposal_view

    taken: dict[str, float] = {}
    with _timed(taken, "fetch"):
        bodies = await _fetch(balancer.settings)
    now = balancer.service.clock()
    with _timed(taken, "decode"):
        keep = (None, None, rows.seen_vm)
        results = [responses.read_answer(200, body, _same, each) for body, each in zip(bodies, keep, strict=True)]
        clusters, nodes, vms = results
        snapshot = snapshots.snapshot(clusters, nodes, vms, now)
    policy = await balancer.service.planning.policy(snapshot)
    with _timed(taken, "plan"):
        plans = [plan(part, policy) for part in snapshot.split()]
    with tempfile.TemporaryDirectory(prefix="bench-store-") as folder:
        store = Store(Path(folder) / "bot.db")
        await store.open()
        checkpoint = await store.proposals.checkpoint()
        with _timed(taken, "store"):
            for item in plans:
                await store.proposals.publish(item, automatic=False, now=now, expires_at=now + A_DAY, since=checkpoint)
        waiting = await store.proposals.waiting()
        with _timed(taken, "render"):
            for proposal in waiting:
                proposal_view(balancer.texts, proposal, now)
        await store.close()
    return taken


def _same(document: Any) -> Any:
    return document


async def _fetch(settings: Any) -> list[bytes]:
    """The three lists at once, as the program asks for them."""
    host = settings.vmmanager_host
    account = {"email": settings.vmmanager_username, "password": settings.vmmanager_password.get_secret_value()}
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{host}/auth/v4/public/token", json=account) as answer:
            token = json.loads(await answer.read())["token"]

        async def one(name: str) -> bytes:
            async with http.get(f"{host}/vm/v3/{name}", headers={"x-xsrf-token": token}) as answer:
                return await answer.read()

        return await asyncio.gather(*map(one, ("cluster", "node", "host")))


@contextmanager
def _timed(into: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    into[name] = time.perf_counter() - started


# --- around it ---------------------------------------------------------------------------------------------


class Server:
    """One of the two stand-ins."""

    def __init__(self, folder: Path, name: str, *options: str) -> None:
        self._output = folder / f"{name}.txt"
        with self._output.open("wb") as file:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "sandbox", name, "--port", "0", *options],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def address(self) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self._child.poll() is None:
            for line in self._output.read_text("utf-8", "replace").splitlines():
                if " ready: " in line:
                    return line.split(" ready: ", 1)[1].strip()
            time.sleep(0.05)
        raise RuntimeError(f"not ready: {self._output.read_text('utf-8', 'replace')[-500:]}")

    def stop(self) -> None:
        self._child.kill()
        self._child.wait()


class Person:
    """Sends `/status` all the time, and records the time until each answer appeared in the chat."""

    def __init__(self, chat: str) -> None:
        self._chat = chat
        self.waits: list[tuple[float, float]] = []
        """When each request was sent, and how long its answer took."""

    async def ask(self) -> None:
        async with aiohttp.ClientSession() as http:
            while True:
                last = await self._last_answer(http)
                started = time.perf_counter()
                question = {"chat_id": GROUP, "user_id": ADMIN, "text": "/status"}
                async with http.post(f"{self._chat}/sandbox/send", json=question):
                    pass
                while await self._last_answer(http) <= last:  # noqa: ASYNC110 - another process answers
                    await asyncio.sleep(0.02)
                self.waits.append((time.time() - (time.perf_counter() - started), time.perf_counter() - started))
                await asyncio.sleep(0.3)

    async def _last_answer(self, http: aiohttp.ClientSession) -> int:
        async with http.get(f"{self._chat}/sandbox/messages?chat_id={GROUP}") as answer:
            document = await answer.json(content_type=None)
        rows = document["messages"] if isinstance(document, dict) else document
        mine = [m["message_id"] for m in rows if m["from_bot"] and m["text"].startswith(STATUS_BEGINS)]
        return max(mine, default=0)


async def measure(scenario: str = "large", cycles: int = CYCLES) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-cycle-") as name:
        folder = Path(name)
        servers = [
            Server(folder, "panel", "--scenario", scenario, "--still"),
            Server(folder, "chat", "--limits", "off"),
        ]
        try:
            panel, chat = (server.address() for server in servers)
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.cycle", "--inside", str(cycles)),
                cwd=ROOT,
                env=_environment(folder, panel, chat),
                stdout=asyncio.subprocess.PIPE,
            )
            person = Person(chat)
            asking = asyncio.ensure_future(person.ask())
            output, _ = await child.communicate()
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
            if child.returncode:
                raise RuntimeError(f"the program ended with {child.returncode}")
        finally:
            for server in servers:
                server.stop()
    document: dict[str, Any] = json.loads(output)
    begun_at, ended_at = document.pop("between")
    waits = [1000 * wait for at, wait in person.waits if begun_at <= at < ended_at]
    document["status_ms"] = {"answers": len(waits), "median": statistics.median(waits), "longest": max(waits)}
    return {"scenario": scenario, **document}


def base_environment(folder: Path, panel: str) -> dict[str, str]:
    """The settings of a program on the emulated panel, without a chat."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TZ", "SYSTEMROOT")}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "VMMANAGER_HOST": panel,
        "VMMANAGER_USERNAME": "admin@example.com",
        "VMMANAGER_PASSWORD": "secret",
        "BALANCE_INTERVAL": "86400",
        "DATABASE_PATH": str(folder / "bot.db"),
        "LOG_FILE": str(folder / "bot.log"),
        "LOG_LEVEL": "WARNING",
    }


def _environment(folder: Path, panel: str, chat: str) -> dict[str, str]:
    return base_environment(folder, panel) | {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": chat,
        "TELEGRAM_CHAT_ID": str(GROUP),
        "TELEGRAM_ADMIN_IDS": str(ADMIN),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cycle", description=__doc__)
    parser.add_argument("--scenario", default="large")
    parser.add_argument("--cycles", type=int, default=CYCLES)
    parser.add_argument("--inside", type=int, metavar="CYCLES", help=argparse.SUPPRESS)
    given = parser.parse_args()
    work = inside(given.inside) if given.inside else measure(given.scenario, given.cycles)
    print(json.dumps(asyncio.run(work), indent=1))


if __name__ == "__main__":
    main()
