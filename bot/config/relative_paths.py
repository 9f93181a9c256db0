"""Which folder a relative path in a settings file counts from: the folder of that file.

So a command finds the program's database from any folder. Only a file named with ``--config`` is concerned: the
folder of `.env` is the current folder. An option or environment variable counts from the current folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from bot.config.secret_files import CREDENTIALS
from bot.config.settings import Settings

PATH_FIELDS = tuple(name for name, field in Settings.model_fields.items() if "Path" in str(field.annotation))
DEFAULT_FILES = ("database_path", "log_file")
"""Files that the program makes, also where no setting names them."""
MEMORY = ":memory:"


def base_folder(settings_file: Path) -> Path | None:
    """The folder that relative paths of a settings file count from; ``None`` = the current folder.

    A pipe has no folder of its own. systemd hands a service a copy of its settings in a folder that nothing can be
    written to and that goes when the service ends: there, the working folder of the unit counts.
    """
    if not settings_file.is_file():
        return None
    folder = settings_file.absolute().parent
    credentials = os.environ.get(CREDENTIALS)
    if credentials and folder.resolve() == Path(credentials).resolve():
        return None
    return None if folder.resolve() == Path.cwd().resolve() else folder


def resolve_path(text: str, folder: Path) -> tuple[str, bool]:
    """A path of a settings file, and whether it was found in the current folder instead of ``folder``.

    Earlier versions counted relative paths from the current folder. A file that is there, and not in ``folder``,
    stays in use: a program that starts with a new database forgets cool-downs, exclusions and running migrations.
    """
    path = Path(text)
    if not text or text == MEMORY or text.startswith("~") or not text.isprintable() or path.is_absolute():
        return text, False
    beside = folder / path
    if not beside.exists() and path.exists():
        return str(path.absolute()), True
    return str(beside), False
