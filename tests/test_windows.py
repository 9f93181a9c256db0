"""Every call that exists only on Unix needs a fallback, so that the program runs on Windows. Checked by syntax trees.

A call is guarded inside an `if` about the system, or inside a `try` that catches the error on Windows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("balancer", "bot", "sandbox", "vm_balancer")

MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "spwd", "syslog", "termios", "tty", "curses"}
MODULES |= {"uvloop"}
UNIX: dict[str, set[str]] = {
    "os": {
        *("chown", "chroot", "ctermid", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid"),
        *("getgroups", "getloadavg", "getpgid", "getpgrp", "getpriority", "getsid", "getuid", "initgroups", "killpg"),
        *("lchown", "mkfifo", "mknod", "nice", "openpty", "pipe2", "posix_fadvise", "posix_spawn", "pread", "pwrite"),
        *("register_at_fork", "sched_getaffinity", "sched_setaffinity", "sendfile", "setegid", "seteuid", "setgid"),
        *("setgroups", "setpgid", "setpriority", "setsid", "setuid", "statvfs", "sync", "sysconf", "uname", "wait"),
        *("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "WNOHANG", "WIFEXITED", "WEXITSTATUS"),
        # These exist on Windows with another effect: a new process beside a dead parent; the end of the process.
        *("execl", "execle", "execlp", "execv", "execve", "execvp", "kill"),
    },
    "signal": {
        *("SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGUSR1"),
        *("SIGUSR2", "SIGWINCH", "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait"),
    },
    "asyncio": {"open_unix_connection", "start_unix_server", "get_child_watcher"},
    "socket": {"AF_UNIX", "AF_NETLINK", "SO_REUSEPORT", "socketpair", "fromfd", "MSG_DONTWAIT"},
    "time": {"tzset", "clock_gettime", "pthread_getcpuclockid"},
}
METHODS = {"add_signal_handler", "remove_signal_handler", "add_reader", "add_writer", "create_unix_server"}
"""Methods of event loops; on Windows they raise NotImplementedError."""
RENAMES = {"os.rename"}
"""Fails on Windows if the target exists; `os.replace` does not."""
GUARDS = {"NotImplementedError", "ImportError", "AttributeError", "ModuleNotFoundError"}
ASKED = ("os.name", "sys.platform", "hasattr(")


def asks_for_the_system(node: ast.AST) -> bool:
    if isinstance(node, (ast.If, ast.IfExp)):
        return any(word in ast.unparse(node.test) for word in ASKED)
    if isinstance(node, ast.Try):
        caught = {name.id for h in node.handlers if h.type for name in ast.walk(h.type) if isinstance(name, ast.Name)}
        return bool(caught & GUARDS)
    if isinstance(node, ast.With):
        return any(
            "suppress" in (text := ast.unparse(i.context_expr)) and any(g in text for g in GUARDS) for i in node.items
        )
    # `if os.name != "posix": return` guards what follows it, and getattr(time, "CLOCK_…", None) asks as well.
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (
        any(isinstance(s, ast.If) and asks_for_the_system(s) and leaves(s) for s in node.body)
        or any(isinstance(call, ast.Call) and asks_by_name(call) for call in ast.walk(node))
    )


def leaves(choice: ast.If) -> bool:
    return isinstance(choice.body[-1], (ast.Return, ast.Raise))


def asks_by_name(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "getattr" and len(call.args) == 3 and ast.unparse(call.args[0]) in UNIX


def used(node: ast.AST) -> Iterator[str]:
    """The Unix-only calls in this syntax node, and files opened with the machine's encoding."""
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names if a.name.split(".")[0] in MODULES)
    elif isinstance(node, ast.ImportFrom) and node.module:
        if node.module.split(".")[0] in MODULES:
            yield node.module
        yield from (f"{node.module}.{a.name}" for a in node.names if a.name in UNIX.get(node.module, ()))
    elif isinstance(node, ast.Attribute):
        name = ast.unparse(node)
        of, _, what = name.rpartition(".")
        if what in UNIX.get(of, ()) or name in RENAMES:
            yield name
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            yield node.func.attr
        if opens_text(node) and not any(k.arg == "encoding" for k in node.keywords):
            yield f"{ast.unparse(node.func)} without an encoding"


def opens_text(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "open" and ast.unparse(call.func) in ("open", "io.open"):
        modes = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "mode")]
        return len(call.args) < 4 and not any(isinstance(m, ast.Constant) and "b" in str(m.value) for m in modes)
    # Their first argument may be the encoding (read_text) or is the text, and then comes the encoding (write_text).
    return (name == "read_text" and not call.args) or (name == "write_text" and len(call.args) < 2)


def offences(tree: ast.AST, guarded: bool = False) -> list[str]:
    result = [] if guarded else [f"line {getattr(tree, 'lineno', 0)}: {what}" for what in used(tree)]
    inside = guarded or asks_for_the_system(tree)
    for child in ast.iter_child_nodes(tree):
        result += offences(child, inside)
    return result


@pytest.mark.parametrize("folder", FOLDERS)
def test_unix_only_calls_have_a_fallback(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    result = {str(p.relative_to(ROOT)): offences(ast.parse(p.read_text("utf-8"))) for p in files}
    assert {name: lines for name, lines in result.items() if lines} == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_file_names_are_valid_on_every_system(folder: str) -> None:
    reserved = {"aux", "con", "nul", "prn", *(f"{device}{n}" for device in ("com", "lpt") for n in range(1, 10))}
    for path in (ROOT / folder).rglob("*"):
        assert not set(path.name) & set('<>:"\\|?*'), path
        assert path.name.split(".")[0].lower() not in reserved, path


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "from pwd import getpwuid",
        "import os\nos.getuid()",
        "from os import fork",
        "import signal\nsignal.SIGKILL",
        "import os\nos.kill(1, 0)",
        "def f(loop):\n    loop.add_signal_handler(15, print)",
        "import os\nos.rename('a', 'b')",
        "open('x')",
        "path.read_text()",
        "path.write_text('x')",
        "try:\n    import fcntl\nexcept ValueError:\n    pass",
    ],
)
def test_unix_only_call_without_a_fallback_is_found(code: str) -> None:
    assert len(offences(ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    import fcntl\nexcept ImportError:\n    fcntl = None",
        "import os\nif os.name == 'posix':\n    os.execv('a', [])",
        "import os\ndef f():\n    if os.name != 'posix':\n        return False\n    os.kill(1, 0)",
        "def f(loop):\n    try:\n        loop.add_reader(0, print)\n    except NotImplementedError:\n        pass",
        "def f():\n    n = getattr(time, 'CLOCK_BOOTTIME', None)\n    return n and time.clock_gettime(n)",
        "open('x', 'rb')",
        "open('x', encoding='utf-8')",
        "path.read_text('utf-8')",
    ],
)
def test_fallback_is_recognized(code: str) -> None:
    assert offences(ast.parse(code)) == []
