"""SSH to every node: those that answer in one line, each of the others in its own, with what to change."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.model import Node
from bot.cli.checks.sheet import Sheet
from bot.config.settings import Settings
from bot.config.validation import MEMORY
from bot.errors import SSHError
from bot.ssh.address import address_of, parse_mapping
from bot.ssh.monitor import SSHMonitor

SHOWN = 5


async def check_nodes(sheet: Sheet, settings: Settings, nodes: Sequence[Node]) -> None:
    """Logs in once everywhere, as the program would; remembers no host key."""
    texts = sheet.texts
    password, database = settings.ssh_password, settings.database_path
    async with SSHMonitor(
        settings.ssh_username,
        settings.ssh_private_key_path,
        password.get_secret_value() if password else None,
        settings.ssh_timeout,
        settings.ssh_hosts_mapping,
        host_keys=settings.ssh_host_keys,
        known_hosts_path=None if str(database) == MEMORY else database.with_suffix(".known_hosts"),
        write_known_hosts=False,
    ) as monitor:
        result = await monitor.measure(nodes)
    fine = [n.name for n in nodes if n.id in result.measured]
    if fine:
        names = ", ".join(fine[:SHOWN]) + (", …" if len(fine) > SHOWN else "")
        sheet.ok("ssh", texts.text("check-ssh-fine", count=len(fine), names=names))
    keys = {str(e) for e in result.failed.values() if e.kind == "key"}
    for problem in sorted(keys):  # the same for every node
        sheet.fail("ssh", texts.text("check-ssh-key", problem=problem))
    for node in nodes:
        error = result.failed.get(node.id)
        if error is not None and error.kind != "key":
            # A node in maintenance may be off.
            (sheet.warn if node.maintenance else sheet.fail)("ssh", _fault(sheet, settings, node, error))


def _fault(sheet: Sheet, settings: Settings, node: Node, error: SSHError) -> str:  # noqa: PLR0911 - a line for each kind
    texts = sheet.texts
    address = address_of(node, parse_mapping(settings.ssh_hosts_mapping), settings.ssh_username)
    where, user = (str(address), address.user) if address else ("-", "-")
    if error.kind == "address":
        return texts.text("check-ssh-address", node=node.name)
    if error.kind == "port":
        return texts.text("check-ssh-port", node=node.name, where=where)
    if error.kind == "login":
        return texts.text("check-ssh-login", node=node.name, where=where, user=user)
    if error.kind == "host-key":
        return texts.text("check-ssh-host-key", node=node.name, problem=str(error))
    if error.kind == "timeout":
        return texts.text("check-ssh-timeout", node=node.name, where=where, seconds=settings.ssh_timeout)
    if error.kind == "answer":
        return texts.text("check-ssh-answer", node=node.name, problem=str(error))
    return texts.text("check-ssh-other", node=node.name, problem=str(error))
