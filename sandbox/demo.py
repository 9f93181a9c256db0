"""`python -m sandbox demo`: the emulated panel, the emulated chat, and the real program between them.

Three processes that communicate only over HTTP. The program is started in the usual way, by its command and its
environment; none of its modules is imported here.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from sandbox.nodes.sshd import sshd_path

NO_SSHD = "No SSH server is installed: VMs count with their share by vCPUs (Debian: apt install openssh-server)."
OPTIONS = 'Other worlds and languages: make demo ARGS="--language ru --auto --scenario hostile"'
GROUP_ID = -1001000000001
ADMINS, VIEWER = (1001, 1002), 1003
CHAT_TOKEN = "123456:SANDBOX-TOKEN"  # noqa: S105 - the emulated chat's own
CHAT_PORT = 8081
OVERHEAD_S, BANDWIDTH_MBIT = 10, 16_777
"""The time of a migration in the panel's world (10 s and 2,000 MiB a second), so that estimates are right."""
READY_WITHIN_S = 20.0
STOP_WITHIN_S = 8.0
ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Ctrl-C, SIGTERM and a closed terminal: the parts run in separate sessions and would continue."""
_NAMES = "BOT_LANGUAGE CLUSTER_IDS DATABASE_PATH DIGEST DRY_RUN PICTURES TIMEZONE VERIFY_SSL"
_PREFIXES = """
    ALLOW_ AUTO_ BACKUP_ BALANCE_ CHATS_ CLUSTERS_ CONFIRM_ CPU_ DIGEST_ ESCALATE_ ESCALATION_ EXCLUDE_ FAILURE_
    HISTORY_ KEEP_ KERNEL_ LOAD_ LOG_ MAX_ MEMORY_ METRICS_ MIGRATION_ OPTIMIZE_ OUTAGE_ OVERLOAD_ PANEL_
    PLACEMENT_ PRESSURE_ PROPOSAL_ QUIET_ REMIND_ RESPECT_ ROLL_ ROOM_ SAMPLES_ SKIP_ SSH_ SURVIVE_ TARGET_ TASK_
    TELEGRAM_ TWO_PERSON_ UNDO_ VM_ VMMANAGER_ WEBHOOK_
"""
SETTINGS, SETTING_PREFIXES = frozenset(_NAMES.split()), tuple(_PREFIXES.split())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="one check, printed to the terminal, without a browser")
    parser.add_argument("--scenario", default="demo", help="the world of the panel (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random choices in the world (default: %(default)s)")
    parser.add_argument("--port", type=int, default=CHAT_PORT, help="of the chat page (default: %(default)s)")
    parser.add_argument(
        "--language", default="en", choices=("en", "ru"), help="of the bot and the chat page (default: %(default)s)"
    )
    parser.add_argument("--auto", action="store_true", help="automatic mode: moves start without approval")


def main(args: argparse.Namespace) -> int:
    """Runs until Ctrl-C, or until one of the three ends; then all are stopped."""
    children = Children()
    with tempfile.TemporaryDirectory(prefix="vm-balancer-demo-") as folder:
        try:
            for sign in ENDING:
                signal.signal(sign, lambda *_: _interrupt())
            return _once(args, children, folder) if args.once else _run(args, children, folder)
        except KeyboardInterrupt:
            print("\nStopping …")
            return 0
        except DemoError as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            children.stop()


class DemoError(Exception):
    """A part did not start; the text says which."""


class Children:
    """The processes of the demo, stopped in the reverse order of their start."""

    def __init__(self) -> None:
        self._running: list[tuple[str, subprocess.Popen[str]]] = []

    def start(self, name: str, command: Sequence[str], **options: object) -> subprocess.Popen[str]:
        # In a separate session: Ctrl-C reaches only the demo, which stops the parts in order.
        child: subprocess.Popen[str] = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", *command],
            text=True,
            start_new_session=True,
            **options,  # type: ignore[call-overload]
        )
        self._running.append((name, child))
        return child

    def wait_ready(self, name: str) -> str:
        """Waits for the line that a server prints when it listens; returns that line."""
        child = next(child for own, child in self._running if own == name)
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.append(child.stdout.readline() if child.stdout else ""))
        reader.daemon = True
        reader.start()
        reader.join(READY_WITHIN_S)
        if not lines or " ready: " not in lines[0]:
            raise DemoError(f"The {name} did not start within {READY_WITHIN_S:.0f} s.")
        return lines[0]

    def first_ended(self) -> str | None:
        return next((name for name, child in self._running if child.poll() is not None), None)

    def stop(self) -> None:
        for sign in ENDING:  # after a second Ctrl-C no part may continue
            signal.signal(sign, signal.SIG_IGN)
        for _name, child in reversed(self._running):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(STOP_WITHIN_S)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


def _run(args: argparse.Namespace, children: Children, folder: str) -> int:
    """Starts the parts in order: chat and nodes listen before the program starts. Without nodes, SSH is off."""
    panel = _start_server(children, "panel", *_panel_options(args))
    real = _real_telegram()
    chat = None if real else _start_server(children, "chat", wanted_port=args.port)
    children.wait_ready("panel")
    environment = _environment(args, panel, folder) | (_sandbox_telegram(chat) if chat else real)
    environment |= _ssh(children, panel, folder)
    children.start("bot", ["bot"], env=environment, cwd=folder)
    where = "Look at your Telegram. The panel is emulated."
    if chat:
        children.wait_ready("chat")
        language = f"&language={args.language}" if args.language != "en" else ""
        where = f"Open  {chat}/?user={ADMINS[0]}&chat={GROUP_ID}{language}"
    print(f"\n  {where}\n  The bot is starting: the first report comes in a few seconds.\n", flush=True)
    print(f"  {OPTIONS}\n  Ctrl-C stops everything.\n", flush=True)
    while True:
        ended = children.first_ended()
        if ended is not None:
            raise DemoError(f"The {ended} ended by itself; see its output above.")
        time.sleep(0.2)


def _once(args: argparse.Namespace, children: Children, folder: str) -> int:
    panel = _start_server(children, "panel", *_panel_options(args))
    children.wait_ready("panel")
    environment = _environment(args, panel, folder) | {"LOG_LEVEL": "WARNING"}
    return children.start("bot", ["bot", "--once", "--dry-run"], env=environment, cwd=folder).wait()


def _start_server(children: Children, name: str, *options: str, wanted_port: int = 0) -> str:
    """Starts the panel or the chat, and returns its address."""
    port = _free_port(wanted_port)
    children.start(name, ["sandbox", name, "--port", str(port), *options], stdout=subprocess.PIPE)
    return f"http://127.0.0.1:{port}"


def _panel_options(args: argparse.Namespace) -> list[str]:
    return ["--scenario", args.scenario, "--seed", str(args.seed)]


def _environment(args: argparse.Namespace, panel: str, folder: str) -> dict[str, str]:
    """The settings that a person would write into `.env`. Settings of the caller's environment are left out."""
    passed = {k: v for k, v in os.environ.items() if not is_setting(k)}
    here = Path(__file__).resolve().parent.parent
    return passed | {
        "PYTHONPATH": os.pathsep.join([str(here), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "VMMANAGER_HOST": panel,
        "VMMANAGER_USERNAME": "admin@example.com",
        "VMMANAGER_PASSWORD": "secret",
        "BALANCE_MODE": "auto" if args.auto else "approve",
        "BALANCE_INTERVAL": "30",
        "MAX_MIGRATIONS_PER_CYCLE": "3",
        "MAX_PARALLEL_MIGRATIONS": "2",
        "TASK_POLL_INTERVAL": "1",
        "PROPOSAL_TTL": "600",
        "MIGRATION_OVERHEAD": str(OVERHEAD_S),
        "MIGRATION_BANDWIDTH": str(BANDWIDTH_MBIT),
        "DATABASE_PATH": str(Path(folder) / "vm_balancer.db"),
        "LOG_FILE": str(Path(folder) / "vm_balancer.log"),
        "BOT_LANGUAGE": args.language,
    }


def _ssh(children: Children, panel: str, folder: str) -> dict[str, str]:
    """Settings for SSH to the nodes, so that each VM has a measured load; empty if no SSH server is installed."""
    if sshd_path() is None:
        print(f"  {NO_SSHD}", flush=True)
        return {}
    nodes = Path(folder) / "nodes"
    options = ["sandbox", "nodes", "--panel", panel, "--folder", str(nodes)]
    children.start("nodes", options, stdout=subprocess.PIPE)
    mapping = children.wait_ready("nodes").partition(": ")[2].strip()
    return {
        "SSH_ENABLED": "true",
        "SSH_HOSTS_MAPPING": mapping,
        "SSH_PRIVATE_KEY_PATH": str(nodes / "id"),
        "SSH_HOST_KEYS": "ignore",
    }


def _sandbox_telegram(chat: str) -> dict[str, str]:
    return {
        "TELEGRAM_BOT_TOKEN": CHAT_TOKEN,
        "TELEGRAM_API_URL": chat,
        "TELEGRAM_CHAT_ID": str(GROUP_ID),
        "TELEGRAM_ADMIN_IDS": ",".join(map(str, ADMINS)),
        "TELEGRAM_VIEWER_IDS": str(VIEWER),
    }


def _real_telegram() -> dict[str, str]:
    """Settings for the real Telegram if a token is set."""
    if not os.environ.get("TELEGRAM_BOT_TOKEN"):
        return {}
    return {k: v for k, v in os.environ.items() if k.startswith("TELEGRAM_")}


def is_setting(key: str) -> bool:
    """Whether a variable of the environment is a setting of the program."""
    return key in SETTINGS or key.startswith(SETTING_PREFIXES)


def _free_port(wanted: int) -> int:
    """The wanted port, or any free one if it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("No port is free on 127.0.0.1.")


def _interrupt() -> None:
    raise KeyboardInterrupt
