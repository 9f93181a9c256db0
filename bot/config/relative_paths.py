"""The folder for relative paths in a settings file: the folder of that file.

So a command finds the program's database from any folder. This concerns only a file named with ``--config``: the folder
of `.env` is the current folder. Paths in options and environment variables start in the current folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from bot.config.secret_files import CREDENTIALS
from bot.config.settings import Settings

PATH_FIELDS = tuple(name for name, field in Settings.model_fields.items() if "Path" in str(field.annotation))
DEFAULT_FILES = ("database_path", "log_file")
"""Files that the program creates, also if no setting names them."""
MEMORY = ":memory:"


def base_folder(settings_file: Path) -> Path | None:
    """The folder for relative paths of a settings file; ``None`` = the current folder.

    A pipe has no folder. systemd gives a service a copy of its settings in a temporary read-only folder: then the
    working folder of the unit is used.
    """
    if not settings_file.is_file():
        return None
    folder = settings_file.absolute().parent
    credentials = os.environ.get(CREDENTIALS)
    if credentials and folder.resolve() == Path(credentials).resolve():
        return None
    return None if folder.resolve() == Path.cwd().resolve() else folder


def resolve_path(text: str, folder: Path) -> tuple[str, bool]:
    """The absolute path, and whether the file is in the current folder instead of ``folder``.

    Earlier versions used the current folder for relative paths. A file that is there, and not in ``folder``, stays in
    use: with a new database the program would lose cool-downs, exclusions and running migrations.
    """
    path = Path(text)
    if not text or text == MEMORY or text.startswith("~") or not text.isprintable() or path.is_absolute():
        return text, False
    beside = folder / path
    if not beside.exists() and path.exists():
        return str(path.absolute()), True
    return str(beside), False
