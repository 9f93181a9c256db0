"""The commands, each with its line of help; `run(arguments)` of the module of the same name carries it out.

Its `parser()` is what shell completion is made from.
"""

from __future__ import annotations

COMMANDS = {
    "run": "watch the clusters for ever (the default), or --once",
    "console": "everything live on a full-screen terminal",
    "snapshot": "print the live state as JSON",
    "plan": "plan a saved snapshot, offline",
    "check": "test the settings against reality, read-only",
    "config": "print the settings in force and where each comes from",
    "health": "tell whether the running program lives",
    "completion": "print a script that completes this command in a shell",
    "history": "past decisions and migrations, also as CSV or JSON",
    "audit": "who did what; `audit verify` proves that nobody edited it",
    "db": "check, back up or restore the database",
    "demo": "a panel, a chat and the bot on this machine, nothing to configure",
}
