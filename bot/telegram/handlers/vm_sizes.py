"""The size of a new VM: as people type it, and as buttons carry it."""

from __future__ import annotations

from typing import NamedTuple

from bot.telegram.handlers.base import Outdated

MOST_VCPUS, MOST_GIB, LEAST_GIB = 1024, 65536, 0.125


class VMSize(NamedTuple):
    vcpus: int
    memory_mib: int

    @property
    def extra(self) -> str:
        """For a button."""
        return f"{self.vcpus}-{self.memory_mib}"


def typed_size(vcpus: str, gib: str) -> VMSize | None:
    """The size of ``8`` and ``16`` (vCPUs and GiB); ``None``: it is no size, or out of range."""
    try:
        size = VMSize(int(vcpus), round(float(gib) * 1024))
    except (ValueError, OverflowError):
        return None
    return size if _in_range(size) else None


def size_of_button(extra: str) -> VMSize:
    """
    Raises:
        Outdated: no button of ours says so.
    """
    vcpus, _, mib = extra.partition("-")
    if vcpus.isdecimal() and mib.isdecimal() and _in_range(size := VMSize(int(vcpus), int(mib))):
        return size
    raise Outdated


def _in_range(size: VMSize) -> bool:
    return 1 <= size.vcpus <= MOST_VCPUS and LEAST_GIB * 1024 <= size.memory_mib <= MOST_GIB * 1024
