"""Notifies systemd of the program's state: ready, alive, stopping (sd_notify(3), a datagram to a socket).

Does nothing if systemd did not ask for it. The loops of the program send the watchdog's signal, so systemd restarts a
program that hangs.
"""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger(__name__)

READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"


def notify(state: str) -> bool:
    """Sends a state. True if it was sent. A failure raises no error: systemd notices missing signals."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    family = getattr(socket, "AF_UNIX", None)
    if not address or family is None:
        return False
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address)
    except OSError as error:
        log.debug("systemd was not notified of %s: %s", state, error)
        return False
    return True
