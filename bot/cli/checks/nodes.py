"""Checks SSH to every node. Nodes that answer share one line; each other node has its own line, with a remedy."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.model import VM, Node, Snapshot
from bot.cli.checks.panel_content import some
from bot.cli.checks.sheet import Sheet
from bot.config.panel_client import panel_client
from bot.config.settings import Settings
from bot.config.validation import MEMORY
from bot.domain.clock import utc_now
from bot.domain.vm_load import matched
from bot.errors import PanelError, SSHError
from bot.ssh.address import address_of, parse_mapping
from bot.ssh.monitor import SSHMonitor, SSHRound

SHOWN = 5
NAMES_ASKED = 50
"""How many libvirt names are read from the panel; the other VMs are matched by their id or name."""


async def check_nodes(sheet: Sheet, settings: Settings, snapshot: Snapshot) -> None:
    """Logs in once to every node, like the program; stores no host key."""
    nodes = snapshot.nodes
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
        read_vms=settings.vm_metrics == "ssh",
    ) as monitor:
        result = await monitor.measure(nodes)
    fine = [n.name for n in nodes if n.id in result.measured]
    if fine:
        names = ", ".join(fine[:SHOWN]) + (", …" if len(fine) > SHOWN else "")
        sheet.ok("ssh", texts.text("check-ssh-fine", count=len(fine), names=names))
        if settings.vm_metrics == "ssh":
            await _matches(sheet, settings, snapshot, result)
    keys = {str(e) for e in result.failed.values() if e.kind == "key"}
    for problem in sorted(keys):  # the same for every node
        sheet.fail("ssh", texts.text("check-ssh-key", problem=problem))
    for node in nodes:
        error = result.failed.get(node.id)
        if error is not None and error.kind != "key":
            # A node in maintenance may be off.
            (sheet.warn if node.maintenance else sheet.fail)("ssh", _fault(sheet, settings, node, error))


async def _matches(sheet: Sheet, settings: Settings, snapshot: Snapshot, result: SSHRound) -> None:
    """How many running VMs of each node have counters on the node. Some names are read from the panel."""
    vms_of: dict[int | None, list[VM]] = {}
    for vm in snapshot.vms:
        if vm.state == "active":
            vms_of.setdefault(vm.node_id, []).append(vm)
    read = [node for node in snapshot.nodes if node.id in result.counters and vms_of.get(node.id)]
    names = await _names(settings, [vm.id for node in read for vm in vms_of[node.id]][:NAMES_ASKED])
    whole: dict[str, int] = {}
    for node in read:
        vms = vms_of[node.id]
        matches = matched(result.counters[node.id].vms, vms, {vm.id: names[vm.id] for vm in vms if names.get(vm.id)})
        if len(matches.vms) == len(vms):
            whole[node.name] = len(vms)
        elif matches.vms:
            words = sheet.texts.text(
                "check-vms-unmatched",
                node=node.name,
                matched=len(matches.vms),
                count=len(vms),
                others=some(matches.unmatched) or "-",
            )
            sheet.warn("ssh", words)
        else:
            sheet.ok("ssh", sheet.texts.text("check-vms-none", node=node.name, count=len(vms)))
    if whole:
        nodes = some([f"{name}: {count}" for name, count in whole.items()])
        sheet.ok("ssh", sheet.texts.text("check-vms-matched", count=sum(whole.values()), nodes=nodes))


async def _names(settings: Settings, vm_ids: Sequence[int]) -> dict[int, str]:
    names: dict[int, str] = {}
    async with panel_client(settings, utc_now) as panel:
        for vm_id in vm_ids:
            try:
                names[vm_id] = await panel.internal_name(vm_id) or ""
            except PanelError:
                break  # the checks of the panel report the reason
    return names


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
