"""The migration job of a VM by ``virsh domjobinfo``: the command, and the parser of its answer. Pure.

The command only reads: ``virsh -r`` opens a connection that cannot change anything.
"""

from __future__ import annotations

import re
from datetime import datetime

from bot.domain.migration_progress import JobProgress

JOB_ANSWER_LIMIT = 16 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:@+-]{0,199}")
"""Names that every login shell accepts unchanged. For other names the command is not run."""
_LINE = re.compile(r"^([A-Z][A-Za-z ]+):\s+([0-9.]+)(?: +(\S+))?\s*$", re.MULTILINE)
_MIB = {"B": 2**-20, "bytes": 2**-20, "KiB": 2**-10, "MiB": 1.0, "GiB": 2.0**10, "TiB": 2.0**20}
MOST, MOST_BYTES = 2.0**40, 2.0**60
"""A larger figure (MiB, MiB/s, rounds; bytes) is no answer of a hypervisor."""
_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def job_command(domain: str, root: str = "") -> str | None:
    """The command for a VM with this libvirt name; ``None`` = the name is not safe in a command.

    Args:
        root: a folder on the node used instead of "/", for tests.
    """
    if not _NAME.fullmatch(domain):
        return None
    path = f"{root}/usr/bin:{_PATH}" if root else _PATH
    return f"env LC_ALL=C PATH={path} virsh -r domjobinfo --domain {domain}"


def parse_job(text: str, now: datetime) -> JobProgress | None:
    """The progress in the answer; ``None`` = there is no job, or the answer is not readable."""
    figures = {name.strip(): (number, unit) for name, number, unit in _LINE.findall(text)}
    total, remaining = _mib(figures.get("Memory total")), _mib(figures.get("Memory remaining"))
    if total is None or remaining is None:
        total, remaining = _mib(figures.get("Data total")), _mib(figures.get("Data remaining"))
    if not total or remaining is None:
        return None
    return JobProgress(now, total, remaining, _speed(figures), _dirty(figures), _whole(figures.get("Iteration")))


_Figures = dict[str, tuple[str, str]]


def _mib(figure: tuple[str, str] | None) -> float | None:
    number = None if figure is None else _number(figure[0])
    mib = None if figure is None or number is None or figure[1] not in _MIB else number * _MIB[figure[1]]
    return mib if mib is not None and mib <= MOST else None


def _speed(figures: _Figures) -> float | None:
    figure = figures.get("Memory bandwidth")
    if figure is None or not figure[1].endswith("/s"):
        return None
    return _mib((figure[0], figure[1].removesuffix("/s")))


def _dirty(figures: _Figures) -> float | None:
    """MiB per second that the VM writes: pages per second times the size of a page."""
    pages, size = figures.get("Dirty rate"), figures.get("Page size")
    if pages is None or pages[1] != "pages/s":
        return None
    rate, page = _number(pages[0]), _number(size[0]) if size is not None else 4096.0
    mib = None if rate is None or page is None else rate * page / 2**20
    return mib if mib is not None and mib <= MOST else None


def _whole(figure: tuple[str, str] | None) -> int | None:
    number = None if figure is None else _number(figure[0])
    return None if number is None or number > MOST else int(number)


def _number(text: str) -> float | None:
    """``None`` = it is no number, or larger than any that a node counts."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number <= MOST_BYTES else None
