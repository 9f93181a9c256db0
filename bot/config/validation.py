"""Checks across settings: missing settings, and contradictions.

Each check gets settings whose single values are valid, and returns the problems with their remedies.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bot.config.settings import Settings, env_name
from bot.domain.chats import SHARED_ACCOUNTS

MEMORY = ":memory:"
LONGEST_NAME = 240
"""The longest file name in bytes: systems allow 255, and suffixes such as ``-wal`` are added to it."""


class Problem(NamedTuple):
    """``fields``: the settings that the check used. If one of them is not valid, the problem is not reported."""

    fields: tuple[str, ...]
    text: str


TWO_PERSONS_OR_AUTO = (
    "TWO_PERSON_RULE is true: in mode assist or auto the program starts moves itself, so both cannot be on; "
    "switch one of them off"
)

REQUIRED = {
    "vmmanager_host": "set it to the address of VMmanager, such as https://vmmanager.example.com",
    "vmmanager_username": "set it to the e-mail address of the account, or VMMANAGER_TOKEN to a token",
    "vmmanager_password": "set it to the password of the account",
}
"""The required settings, each with the remedy."""

Check = Callable[[Settings], list[Problem]]


def check_panel(settings: Settings) -> list[Problem]:
    """The problems of the settings for VMmanager."""
    needed = ["vmmanager_host"] if settings.vmmanager_token else list(REQUIRED)
    missing = (f for f in needed if not getattr(settings, f))
    problems = [Problem((f,), f"{env_name(f)} is not set: {REQUIRED[f]}") for f in missing]
    token = settings.vmmanager_token.get_secret_value().strip() if settings.vmmanager_token else ""
    if not token.isascii() or not token.isprintable() or " " in token:
        text = "VMMANAGER_TOKEN (hidden) has characters that no token has: copy it again, without anything around it"
        problems.append(Problem(("vmmanager_token",), text))
    ca_file = settings.vmmanager_ca_file
    if ca_file is not None and settings.verify_ssl and not os.access(ca_file, os.R_OK):
        remedy = "name a PEM file with the CA or the certificate, or leave it empty for the system's CAs"
        text = f"{as_given(settings, 'vmmanager_ca_file')} cannot be read: {remedy}"
        problems.append(Problem(("vmmanager_ca_file", "verify_ssl"), text))
    return problems


def check_chat(settings: Settings) -> list[Problem]:
    """The problems of the settings for Telegram; none if Telegram is not used.

    With CHATS_FILE, ``check_chats_file`` checks all chats together.
    """
    if settings.telegram_bot_token is None or not settings.telegram_notifications or settings.chats_file is not None:
        return []
    chat, problems = settings.telegram_chat_id, []
    if chat is None:
        remedy = "set it to your own numeric id, or to the negative id of a group; `vm-balancer check` shows ids"
        text = f"TELEGRAM_CHAT_ID is not set, but TELEGRAM_BOT_TOKEN is: {remedy}"
        problems.append(Problem(("telegram_chat_id", "telegram_bot_token"), text))
    elif not settings.admin_ids and chat < 0:
        text = (
            f"TELEGRAM_ADMIN_IDS is not set, and {as_given(settings, 'telegram_chat_id')} is a group: "
            "set it to the numeric ids of those who may approve"
        )
        problems.append(Problem(("telegram_admin_ids", "telegram_chat_id"), text))
    elif not settings.admin_ids and settings.balance_mode != "auto":
        text = "TELEGRAM_ADMIN_IDS is not set, so nobody may approve: set it to ids, or BALANCE_MODE to auto"
        problems.append(Problem(("telegram_admin_ids", "telegram_viewer_ids", "balance_mode"), text))
    return problems


def check_people(settings: Settings) -> list[Problem]:
    """Checks that no id of a shared account is used, and that TWO_PERSON_RULE is not used with mode assist or auto."""
    problems = []
    if settings.two_person_rule and settings.balance_mode != "approve":
        text = f"{as_given(settings, 'balance_mode')}: {TWO_PERSONS_OR_AUTO}"
        problems.append(Problem(("two_person_rule", "balance_mode"), text))
    for field in ("telegram_admin_ids", "telegram_viewer_ids"):
        for shared in sorted(SHARED_ACCOUNTS.keys() & set(getattr(settings, field))):
            text = (
                f"{env_name(field)} names {shared} ({settings.place(field)}), the account of "
                f"{SHARED_ACCOUNTS[shared]}: name people by their own ids"
            )
            problems.append(Problem((field,), text))
    return problems


def check_ssh(settings: Settings) -> list[Problem]:
    """Checks that the private key is readable, if SSH is on and a key is named. The first login tests the key."""
    path = settings.ssh_private_key_path
    if not settings.ssh_enabled or path is None or os.access(path, os.R_OK):
        return []
    remedy = "name the file of a private key, or leave it empty for the agent and the keys of ~/.ssh"
    text = f"{as_given(settings, 'ssh_private_key_path')} cannot be read: {remedy}"
    return [Problem(("ssh_private_key_path", "ssh_enabled"), text)]


def check_files(settings: Settings) -> list[Problem]:
    """Checks that database and log can be written and are different files, for a command that writes them."""
    problems = [*_unwritable(settings, "database_path", beside=True), *_unwritable(settings, "log_file", beside=False)]
    if settings.database_path.absolute() == settings.log_file.absolute():
        text = f"{as_given(settings, 'log_file')}: the log cannot be the database as well; name another file"
        problems.append(Problem(("database_path", "log_file"), text))
    return problems


def notes(settings: Settings) -> list[str]:
    """Notes about settings that are valid but probably mistakes."""
    lines = []
    if settings.vmmanager_token is not None and settings.vmmanager_password is not None:
        lines.append("VMMANAGER_PASSWORD has no effect: VMMANAGER_TOKEN is set")
    if settings.vm_metrics == "panel" and not settings.ssh_enabled:
        lines.append("VM_METRICS=panel has no effect: SSH_ENABLED is false, and only measured nodes tell its unit")
    if settings.pressure_overload and not settings.ssh_enabled:
        lines.append("PRESSURE_OVERLOAD has no effect: SSH_ENABLED is false, and pressure is measured over SSH")
    if settings.telegram_bot_token is None and settings.telegram_chat_id is not None:
        lines.append(f"{as_given(settings, 'telegram_chat_id')} has no effect: TELEGRAM_BOT_TOKEN is not set")
    # A file may have it as a copy of config.env.example; the option shows a clear intention.
    asked_for = settings.telegram_notifications and settings.place("telegram_notifications").startswith("--")
    if settings.telegram_bot_token is None and asked_for:
        lines.append(f"{as_given(settings, 'telegram_notifications')} has no effect: TELEGRAM_BOT_TOKEN is not set")
    if settings.vmmanager_ca_file is not None and not settings.verify_ssl:
        lines.append(f"{as_given(settings, 'vmmanager_ca_file')} has no effect: VERIFY_SSL is false")
    if not settings.metrics_port and settings.metrics_host != Settings.model_fields["metrics_host"].default:
        lines.append(f"{as_given(settings, 'metrics_host')} has no effect: METRICS_PORT is 0")
    chat_decides = settings.telegram_bot_token is not None and settings.telegram_notifications
    alone = settings.chats_file is None and len(settings.admin_ids) < 2  # people in a file are not counted here
    if settings.two_person_rule and chat_decides and alone:
        lines.append(
            f"{as_given(settings, 'two_person_rule')}, but TELEGRAM_ADMIN_IDS names only {len(settings.admin_ids)}: "
            "the other approval can come from a console alone"
        )
    return lines


def as_given(settings: Settings, field: str) -> str:
    """Name, value and place of a setting, for a message."""
    value = getattr(settings, field)
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{env_name(field)}={shown} ({settings.place(field)})"


def _unwritable(settings: Settings, field: str, *, beside: bool) -> list[Problem]:
    """The problems of a file that must be writable. ``beside``: its folder too, because other files are created."""
    path = getattr(settings, field)
    if str(path) == MEMORY:
        return []
    reason = _why_not(path, beside)
    return [Problem((field,), f"{as_given(settings, field)}: {reason}")] if reason else []


def _why_not(path: Path, beside: bool) -> str | None:
    reason = _why_no_such_file(path)
    if reason is not None:
        return reason
    if os.path.exists(path):  # noqa: PTH110
        if not os.access(path, os.W_OK):
            return "this user may not write it; correct its rights or name another file"
        if not beside:
            return None
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            return None
    except OSError as error:
        return f"nothing can be created in its folder ({error.strerror}); correct its rights or name another file"


def _why_no_such_file(path: Path) -> str | None:
    """Why no file can have this path; ``None`` if it is possible."""
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        return f"a name of more than {LONGEST_NAME} bytes is not possible; name another file"
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() raises where a folder above is closed
        return "it is a folder; name a file in it"
    if not os.path.isdir(path.parent):  # noqa: PTH112
        return f"there is no folder {str(path.parent)!r}; create it or name another file"
    return None
