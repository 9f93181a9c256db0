"""Checks that measure 500 nodes over SSH and read the counters of 15,000 VMs.

Three processes: the emulated panel, an SSH server that acts as all nodes (the user's name names the node), and the
program with a heartbeat on its event loop. The program and the server share the processors, so rounds take longer here
than against nodes that answer by themselves.

`python -m benchmarks.ssh_round` prints the figures as JSON. Runs of the same machine differ.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import asyncssh

from benchmarks.cycle import PATIENCE_S, Heartbeat, Server, base_environment
from benchmarks.process import ROOT
from benchmarks.tables import table

ROUNDS = 4
STEP_S = 600.0
"""The time that passes on the nodes' clocks between two answers."""
LOAD = 0.15
MOST_STALL_MS, MOST_MIB = 50, 280
"""The demand."""


# --- the server --------------------------------------------------------------------------------------------


class Nodes:
    """The answer of every node, and the number of logins."""

    def __init__(self, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        self._nodes = nodes
        self._asked = dict.fromkeys(nodes, 0)
        self.logins = 0

    def answer(self, name: str) -> str:
        """The lines that the command finds on this node; each time STEP_S later."""
        node, self._asked[name] = self._nodes[name], self._asked[name] + 1
        up_s = self._asked[name] * STEP_S
        busy_s = sum(LOAD * vcpus for _, vcpus in node["vms"]) * up_s
        lines = [
            f"/proc/loadavg:{busy_s / up_s:.2f} 1.00 1.00 1/900 4242",
            f"/sys/devices/system/cpu/online:0-{node['cpus'] - 1}",
            f"/proc/meminfo:MemTotal: {node['memory_mib'] * 1024} kB",
            f"/proc/meminfo:MemAvailable: {node['memory_mib'] * 512} kB",
            f"/proc/uptime:{up_s:.2f} 1.00",
            f"/proc/stat:cpu  {round(100 * busy_s)} 0 0 5 0 0 0 0 0 0",
        ]
        for vm_id, vcpus in node["vms"]:
            scope = f"/sys/fs/cgroup/machine.slice/machine-qemu\\x2d{vm_id}\\x2dvm{vm_id}.scope"
            lines.append(f"{scope}/cpu.stat:usage_usec {round(1e6 * LOAD * vcpus * up_s)}")
            lines.append(f"{scope}/memory.current:1073741824")
        return "\n".join(lines) + "\n"


async def serve(folder: Path) -> None:
    """Serves until it is killed, and writes the number of logins to a file."""
    nodes = Nodes(json.loads((folder / "nodes.json").read_text("utf-8")))

    class Guard(asyncssh.SSHServer):
        def auth_completed(self) -> None:
            nodes.logins += 1
            (folder / "logins").write_text(str(nodes.logins), "ascii")

    async def process(session: asyncssh.SSHServerProcess[str]) -> None:
        session.stdout.write(nodes.answer(session.get_extra_info("username")))
        session.exit(0)

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Guard,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        authorized_client_keys=str(folder / "id.pub"),
        process_factory=process,
        backlog=512,
    )
    print(f"nodes ready: {server.get_port()}", flush=True)
    await server.wait_closed()


# --- the program -------------------------------------------------------------------------------------------


async def inside(rounds: int) -> dict[str, Any]:
    """Makes checks with the settings of the environment, and prints their figures."""
    from bot.app.program import VMBalancer
    from bot.observability.gc_tuning import tune

    heart, seconds, stalls, own, loop = Heartbeat(), [], [], [], []
    async with VMBalancer() as balancer:
        tune()  # as the command does
        beating = asyncio.ensure_future(heart.beat())
        for _ in range(rounds):
            heart.longest_s = heart.own_s = heart.loop_s = 0.0
            started = time.perf_counter()
            report = await balancer.service.cycle.run()
            seconds.append(time.perf_counter() - started)
            stalls.append(heart.longest_s)
            own.append(heart.own_s)
            loop.append(heart.loop_s)
            if report.outcome != "done":
                raise RuntimeError(f"the check ended with {report.outcome}: {report.problem}")
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        snapshot = balancer.service.observer.last
        nodes, vms = ((), ()) if snapshot is None else (snapshot.nodes, snapshot.vms)
    return {
        "nodes_measured": sum(node.measured is not None for node in nodes),
        "vms_measured": sum(vm.load is not None for vm in vms),
        "first_s": seconds[0],
        "round_s": statistics.median(seconds[1:]),
        "longest_stall_ms": 1000 * max(stalls),
        "longest_own_stall_ms": 1000 * max(own),
        "longest_loop_work_ms": 1000 * max(loop),
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


# --- around it ---------------------------------------------------------------------------------------------


async def measure(scenario: str = "large", rounds: int = ROUNDS) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-ssh-") as name:
        folder = Path(name)
        panel = Server(folder, "panel", "--scenario", scenario, "--still")
        server = None
        try:
            address = panel.address()
            nodes = await _nodes(address)
            (folder / "nodes.json").write_text(json.dumps(nodes), "utf-8")
            key = asyncssh.generate_private_key("ssh-ed25519")
            key.write_private_key(str(folder / "id"))
            key.write_public_key(str(folder / "id.pub"))
            server = await _child("--serve", str(folder))
            ready = await asyncio.wait_for(_first_line(server), PATIENCE_S)
            port = int(ready.rpartition(" ")[2])
            program = await _child("--inside", str(rounds), env=_environment(folder, address, nodes, port))
            output, _ = await program.communicate()
            if program.returncode:
                raise RuntimeError(f"the program ended with {program.returncode}")
            logins = int((folder / "logins").read_text("ascii"))
        finally:
            panel.stop()
            if server is not None:
                server.kill()
                await server.wait()
    return {"scenario": scenario, "nodes": len(nodes), "rounds": rounds, "logins": logins, **json.loads(output)}


async def _nodes(panel: str) -> dict[str, dict[str, Any]]:
    """User name -> the data of a node and its running VMs for the answer."""
    async with aiohttp.ClientSession() as http, http.get(f"{panel}/sandbox/world") as answer:
        world = await answer.json(content_type=None)
    nodes = {
        node["id"]: {"name": node["name"], "cpus": node["cpu_number"], "memory_mib": node["ram_mib"], "vms": []}
        for node in world["nodes"]
    }
    for vm in world["vms"]:
        if vm["state"] == "active":
            nodes[vm["node"]]["vms"].append((vm["id"], vm["cpu_number"]))
    return {f"n{node_id}": node for node_id, node in nodes.items()}


async def _child(*options: str, env: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.ssh_round", *options), cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE
    )


async def _first_line(child: asyncio.subprocess.Process) -> str:
    return "" if child.stdout is None else (await child.stdout.readline()).decode("ascii").strip()


def _environment(folder: Path, panel: str, nodes: Mapping[str, Mapping[str, Any]], port: int) -> dict[str, str]:
    mapping = {node["name"]: f"{user}@127.0.0.1:{port}" for user, node in nodes.items()}
    return base_environment(folder, panel) | {
        "SSH_ENABLED": "true",
        "SSH_PRIVATE_KEY_PATH": str(folder / "id"),
        "SSH_HOST_KEYS": "ignore",
        "SSH_HOSTS_MAPPING": json.dumps(mapping),
        "SSH_TIMEOUT": "60",
    }


def ssh_table(record: Mapping[str, Any]) -> Sequence[str]:
    rows = [
        ("nodes measured", f"{record['nodes_measured']} of {record['nodes']}"),
        ("VMs with a load of their own", f"{record['vms_measured']}"),
        (f"logins in {record['rounds']} checks", f"{record['logins']}"),
        ("the first check, with all logins", f"{record['first_s']:.1f} s"),
        ("a later check, median", f"{record['round_s']:.1f} s"),
        (f"longest stall of the event loop (at most {MOST_STALL_MS} ms)", f"{record['longest_stall_ms']:.0f} ms"),
        ("of such a stall the program's own work, at most", f"{record['longest_own_stall_ms']:.0f} ms"),
        ("of that in the thread of the event loop, at most", f"{record['longest_loop_work_ms']:.0f} ms"),
        (f"peak memory of the program (at most {MOST_MIB} MiB)", f"{record['rss_mib']:.0f} MiB"),
    ]
    return table(("", record["scenario"]), rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ssh_round", description=__doc__)
    parser.add_argument("--scenario", default="large")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--inside", type=int, metavar="ROUNDS", help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve))
        return
    work = inside(given.inside) if given.inside else measure(given.scenario, given.rounds)
    print(json.dumps(asyncio.run(work), indent=1))


if __name__ == "__main__":
    main()
