"""The settings in force as an env file that can be read back, each with where it came from. Pure.

Secrets are never in it: a line that is commented out says whether one is set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.config.loading import Found
from bot.config.settings import Settings, env_name, is_secret, masked

HIDDEN = "••••"
_PLAIN = re.compile(r"[^\s'\"#\\`$][^\s'\"#\\`$]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. ``value`` is text as the file has it; ``None`` of a secret, and where it makes no sense.

    ``given``: of a secret whether there is one, of others whether it was set anywhere.
    """

    name: str
    value: str | None
    default: str
    origin: str
    secret: bool
    given: bool
    broken: bool

    @property
    def changed(self) -> bool:
        return self.given if self.secret else not self.broken and self.value != self.default


def rows(found: Found) -> list[Row]:
    """Every setting, in the order of config.env.example."""
    shown, usual = masked(found.settings), masked(Settings())
    return [_row(found, field, shown[env_name(field)], usual[env_name(field)]) for field in Settings.model_fields]


def _row(found: Found, field: str, value: str, default: str) -> Row:
    settings, secret, broken = found.settings, is_secret(field), field in found.broken
    held: Any = getattr(settings, field)
    return Row(
        name=env_name(field),
        value=None if secret or broken else value,
        default=default,
        origin=settings.place(field),
        secret=secret,
        given=broken or held is not None if secret else settings.place(field) != "default",
        broken=broken,
    )


def as_env(found: Found, *, origins: bool) -> Iterator[str]:
    """The lines of the file."""
    for row in rows(found):
        remarks = [row.origin] if origins else []
        if row.changed and not row.secret:
            remarks.append(f"default: {row.default or 'empty'}")
        yield _line(row, "; ".join(remarks))


def _line(row: Row, remark: str) -> str:
    comment = f"  # {remark}" if remark else ""
    if row.broken:
        return f"# {row.name} cannot be understood{comment}"
    if row.secret:
        return f"# {row.name}={HIDDEN} is set{comment}" if row.given else f"# {row.name} is not set{comment}"
    if row.value and not row.value.isprintable():
        return f"# {row.name} holds characters that cannot be shown{comment}"
    written = quoted(row.value or "")
    return f"{row.name}={written or (repr('') if comment else '')}{comment}"


def quoted(value: str) -> str:
    """A value as the file's reader takes it: bare where that is safe, in single quotes otherwise."""
    if not value or _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
