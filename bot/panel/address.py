"""Turns the panel's address, as people write it, into the base address of all requests. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from bot.errors import ConfigError

_REMEDY = "an address such as https://vmmanager.example.com is needed"


def panel_address(host: str) -> str:
    """``h``, ``h:8443``, ``https://h/``, ``https://h/path`` -> scheme, host, port and path without a last slash.

    Raises ConfigError for anything else. Its text never contains a part that may be a password.
    """
    written = host.strip()
    if "@" in written:
        raise ConfigError([f"VMMANAGER_HOST is (hidden): {_REMEDY}, without user or password in it"])
    whole = written if "://" in written else f"https://{written}"
    problem = ConfigError([f"VMMANAGER_HOST is {written[:80]!r}: {_REMEDY}"])
    try:
        parts = urlsplit(whole)
        port = parts.port
        name = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError as error:  # also UnicodeError
        raise problem from error
    readable = re.fullmatch(r"[A-Za-z0-9._:-]+", name) and re.fullmatch(r"[\x21-\x7e]*", parts.path)
    if parts.scheme not in ("http", "https") or not readable or parts.query or parts.fragment:
        raise problem
    where = (f"[{name}]" if ":" in name else name) + (f":{port}" if port is not None else "")
    return f"{parts.scheme}://{where}{parts.path.rstrip('/')}"
