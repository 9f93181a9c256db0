"""`python -m sandbox <panel|chat|nodes|demo>`: emulations of the services that the balancer talks to.

Each sub-command lives in its own module, imported only when it is used.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import NoReturn

PROGRAM = "python -m sandbox"
COMMANDS = {
    "panel": ("sandbox.panel.server", f"{PROGRAM} panel", "an emulated VMmanager 6 panel"),
    "chat": ("sandbox.chat.server", f"{PROGRAM} chat", "an emulated Telegram with a chat page for the browser"),
    "nodes": (
        "sandbox.nodes.server",
        f"{PROGRAM} nodes",
        "SSH to the nodes of an emulated panel, with loads of their own",
    ),
    "demo": ("sandbox.demo", "vm-balancer demo", "panel, chat and balancer together"),
}
"""Command -> its module, the name in its usage line (``vm-balancer demo`` starts the demo), and its description."""


class Parser(argparse.ArgumentParser):
    """Reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message}; `{self.prog} --help` lists the options\n")


def main(argv: list[str]) -> int:
    parser = Parser(prog=PROGRAM, description="Emulated services for trying the balancer.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (module_name, usage_name, summary) in COMMANDS.items():
        command = commands.add_parser(
            name, prog=usage_name, help=summary, description=summary[0].upper() + summary[1:] + "."
        )
        if argv and argv[0] == name:
            module = importlib.import_module(module_name)
            module.add_arguments(command)
            command.set_defaults(run=module.main)
    args = parser.parse_args(argv)
    return int(args.run(args) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
