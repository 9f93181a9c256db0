"""The version of this program, as its package has it."""

from __future__ import annotations

from importlib import metadata


def program_version() -> str | None:
    """``None``: it runs from a source tree that is not installed."""
    try:
        return metadata.version("vm-balancer")
    except metadata.PackageNotFoundError:
        return None
