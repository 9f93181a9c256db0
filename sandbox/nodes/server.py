"""`python -m sandbox nodes --panel URL --folder DIR`: SSH to the nodes of an emulated panel, with real-looking loads.

Prints one line when it listens: the address of each node, as JSON for SSH_HOSTS_MAPPING.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

from sandbox.nodes.files import NodeFiles
from sandbox.nodes.sshd import NodeServer

WRITE_EVERY_S = 2.0
ANSWER_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--panel", required=True, metavar="URL", help="the emulated panel whose nodes these are")
    parser.add_argument("--folder", required=True, type=Path, help="for keys and files; nothing else is written")


def main(args: argparse.Namespace) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        world = _world(args.panel)
        server = NodeServer(args.folder, [node["id"] for node in world["nodes"]])
        server.start()
    except (OSError, RuntimeError, ValueError) as error:
        print(f"sandbox nodes: {error}", file=sys.stderr)
        return 2
    try:
        files = NodeFiles({node_id: server.files_of(node_id) for node_id in server.ports})
        files.write(world)
        mapping = {node["name"]: server.address(node["id"]) for node in world["nodes"]}
        print(f"nodes ready: {json.dumps(mapping)}", flush=True)
        while not stop.wait(WRITE_EVERY_S):
            files.write(_world(args.panel))
    except OSError as error:  # the panel has ended
        print(f"sandbox nodes: {error}", file=sys.stderr)
        return 1
    finally:
        server.stop()
    return 0


def _world(panel: str) -> dict[str, Any]:
    """A dump of the panel's world."""
    with urllib.request.urlopen(f"{panel}/sandbox/world", timeout=ANSWER_S) as answer:  # noqa: S310 - loopback
        document: dict[str, Any] = json.load(answer)
    return document
