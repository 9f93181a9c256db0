"""The version of the installed program. Importing this module costs nothing but the standard library."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """As pip knows it."""
    try:
        return metadata.version("vm-balancer")
    except metadata.PackageNotFoundError:
        return "(not installed)"
