"""Tells systemd how the program is: ready, alive, stopping (sd_notify(3), a datagram to a socket that systemd names).

Nothing happens where systemd did not ask for it. A watchdog that is fed from the loops themselves restarts a program
that hangs.
"""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger(__name__)

READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"


def notify(state: str) -> bool:
    """Sends a state; whether systemd was told. A failure is not worth an error: systemd notices the silence."""
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
        log.debug("systemd was not told %s: %s", state, error)
        return False
    return True
