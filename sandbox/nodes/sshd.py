"""A real OpenSSH server on loopback for all nodes: each node has a port and its own files.

The server runs every command with the paths `/proc` and `/sys` replaced by the folder of the node with this port, and
with the `virsh` of that folder. It uses only its own folder, its own keys and free ports of this machine.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

READY_WITHIN_S = 10.0
STOP_WITHIN_S = 5.0
PRIVILEGE_FOLDER = Path("/run/sshd")
"""sshd needs this folder when root starts it."""

# The port defines the node. In the output the original paths are restored.
_COMMAND = r"""#!/bin/sh
set -- $SSH_CONNECTION
root={base}/$4
turned="s#/proc/#$root/proc/#g; s#/sys/#$root/sys/#g; s#PATH=#PATH=$root/bin:#"
command=$(printf '%s' "$SSH_ORIGINAL_COMMAND" | sed "$turned")
sh -c "$command" | sed "s#$root##g"
"""


def sshd_path() -> str | None:
    """The path of sshd; ``None`` = sshd or its tools are not installed."""
    if shutil.which("ssh-keygen") is None:
        return None
    return shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


class NodeServer:
    """One server with a port for each node. ``folder`` holds keys, configuration and the files of the nodes."""

    def __init__(self, folder: Path, node_ids: Sequence[int]) -> None:
        self.folder = folder
        self.user = getpass.getuser()
        self.key = folder / "id"
        self.ports = dict(zip(node_ids, _free_ports(len(node_ids)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None

    def files_of(self, node_id: int) -> Path:
        """The folder that a login to this node sees as "/"."""
        return self.folder / str(self.ports[node_id])

    def address(self, node_id: int) -> str:
        """``user@host:port``, in the format of SSH_HOSTS_MAPPING."""
        return f"{self.user}@127.0.0.1:{self.ports[node_id]}"

    @property
    def logins(self) -> int:
        """How many logins the server has accepted since its start."""
        return (self.folder / "log").read_text("utf-8", "replace").count("Accepted publickey")

    def start(self) -> None:
        """
        Raises:
            RuntimeError: sshd is not installed, or does not listen.
        """
        program = sshd_path()
        if program is None:
            raise RuntimeError("no sshd is installed")
        self.folder.mkdir(parents=True, exist_ok=True)
        _key(self.key)
        _key(self.folder / "host_key")
        shutil.copyfile(self.key.with_suffix(".pub"), self.folder / "authorized_keys")
        command = self.folder / "command"
        command.write_text(_COMMAND.format(base=shlex.quote(str(self.folder))), "utf-8")
        command.chmod(0o700)
        (self.folder / "sshd_config").write_text(self._configuration(), "utf-8")
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            PRIVILEGE_FOLDER.mkdir(mode=0o755, exist_ok=True)
        self._process = subprocess.Popen(  # noqa: S603 - the system's own sshd
            [program, "-D", "-f", str(self.folder / "sshd_config"), "-E", str(self.folder / "log")],
            start_new_session=True,
        )
        self._wait_ready()

    def _configuration(self) -> str:
        ports = "".join(f"ListenAddress 127.0.0.1:{port}\n" for port in self.ports.values())
        return (
            f"{ports}HostKey {self.folder}/host_key\nPidFile none\nAuthorizedKeysFile {self.folder}/authorized_keys\n"
            "StrictModes no\nUsePAM no\nUseDNS no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"PermitRootLogin prohibit-password\nMaxStartups 100\nPrintMotd no\nLogLevel VERBOSE\nSetEnv SHLVL=2\n"
            f"ForceCommand {self.folder}/command\n"
        )

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        waiting = list(self.ports.values())
        while waiting:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", waiting[-1])) == 0:
                    waiting.pop()
                    continue
            if (self._process and self._process.poll() is not None) or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("sshd does not listen")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends the server and all its sessions."""
        if self._process is None:
            return
        process, self._process = self._process, None
        sessions = _children(process.pid)
        process.terminate()
        process.wait(STOP_WITHIN_S)
        if os.name == "posix":
            for pid in sessions:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)


def _children(pid: int) -> list[int]:
    """The sessions of the server. Each has its own process group, and may live longer than the server."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def _key(path: Path) -> None:
    if not path.exists():
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
