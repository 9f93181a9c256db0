"""The commands, each with its line of help; `run(arguments)` of the module of the same name carries it out."""

from __future__ import annotations

COMMANDS = {
    "run": "watch the clusters for ever (the default), or --once",
    "snapshot": "print the live state as JSON",
    "plan": "plan a saved snapshot, offline",
    "demo": "a panel, a chat and the bot on this machine, nothing to configure",
}
