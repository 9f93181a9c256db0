"""A real OpenSSH server on loopback with its own folder, host keys and a free port. It changes nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
USER = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()


def require_sshd() -> None:
    """The path of sshd. Without one the tests fail in CI, and are skipped with a clear line elsewhere."""
    if SSHD is None:
        if os.environ.get("CI"):
            pytest.fail("no sshd: install openssh-server, the tests of bot/ssh need it")
        pytest.skip("NO SSHD ON THIS MACHINE: bot/ssh IS NOT TESTED (install openssh-server)")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def keygen(path: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


class Sshd:
    """``authorized``: lines of authorized_keys. The log shows who logged in."""

    def __init__(self, folder: Path, *authorized: str, options: str = "") -> None:
        require_sshd()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.log = folder / "log"
        self.host_key = keygen(folder / "host_key")
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.authorize(*authorized)

    def authorize(self, *lines: str) -> None:
        (self.folder / "authorized_keys").write_text("".join(f"{line.strip()}\n" for line in lines))

    def start(self) -> Sshd:
        config = self.folder / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.host_key}\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nStrictModes no\nUsePAM no\nUseDNS no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            f"SetEnv SHLVL=2\nLogLevel VERBOSE\nPrintMotd no\n{self._options}\n"
        )
        # With SHLVL bash does not read the user's ~/.bashrc, which may be slow.
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists on it
        command = [str(SSHD), "-D", "-f", str(config), "-E", str(self.log)]
        self._process = subprocess.Popen(command, start_new_session=True)
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError("sshd does not listen")

    def stop(self) -> None:
        """Ends the server and all its sessions."""
        if self._process is None:
            return
        children = subprocess.run(["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False)
        self._process.terminate()
        self._process.wait(5)
        for pid in children.stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process = None

    def new_host_key(self, kind: str = "ed25519") -> None:
        for path in (self.host_key, self.host_key.with_suffix(".pub")):
            path.unlink()
        keygen(self.host_key, kind=kind)

    @property
    def host_line(self) -> str:
        """The line for known_hosts."""
        return f"[127.0.0.1]:{self.port} {self.host_key.with_suffix('.pub').read_text().strip()}\n"

    @property
    def logins(self) -> int:
        return self.log.read_text().count("Accepted publickey")
