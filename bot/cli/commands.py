"""The commands, each with its line of help. `run(arguments)` of the module of the same name carries a command out.

Shell completion is made from the module's `parser()`.
"""

from __future__ import annotations

COMMANDS = {
    "run": "Checks the clusters until it is stopped; this is the default. With --once: one check.",
    "console": "Shows nodes, plan, decisions and history on a full-screen terminal.",
    "init": "Asks for the settings, tests each answer and writes the settings file.",
    "check": "Tests the settings against VMmanager, the nodes and Telegram. It changes nothing.",
    "first-move": "Moves the smallest VM after a question, and watches it: for a new VMmanager.",
    "abort": "Stops a running migration, after two questions.",
    "roll": "Shows, starts, pauses and stops campaigns that empty node after node.",
    "config": "Prints the settings in force and where each of them comes from.",
    "snapshot": "Prints the current state of the clusters as JSON.",
    "plan": "Plans a saved snapshot without a connection to VMmanager.",
    "replay": "Says what another strategy or other thresholds would have done.",
    "capacity": "Says when vCPUs or memory of a cluster reach the thresholds.",
    "policy": "Says what a new CLUSTERS_FILE or setting would change.",
    "history": "Prints past decisions and migrations, also as CSV or JSON.",
    "audit": "Prints who did what. `audit verify` proves that nobody edited the trail.",
    "db": "Checks, backs up or restores the database.",
    "health": "Says whether the program runs. For containers, systemd and monitoring.",
    "completion": "Prints a script that completes this command in a shell.",
    "demo": "Starts an emulated VMmanager, a chat and the program on this machine.",
}
