"""Compares the panel with the settings: clusters, nodes, versions, and the nodes that settings name."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.model import Cluster, Node, Snapshot
from balancer.readiness import Readiness, readiness
from bot.cli.checks.sheet import Sheet
from bot.config.clusters_file import load_clusters_file
from bot.config.settings import Settings
from bot.domain.lookup import matching, nearest
from bot.panel.remarks import sums_of

SHOWN = 5
"""How many names a line shows."""


def look_at(sheet: Sheet, snapshot: Snapshot, settings: Settings) -> tuple[Node, ...]:
    """The nodes of the clusters to balance."""
    texts = sheet.texts
    chosen = {c.id: c for c in snapshot.clusters if not settings.cluster_ids or c.id in settings.cluster_ids}
    nodes = tuple(n for n in snapshot.nodes if n.cluster_id in chosen)
    vms = sum(vm.cluster_id in chosen for vm in snapshot.vms)
    count = texts.text("check-nodes", nodes=len(nodes), vms=vms, clusters=len(chosen))
    (sheet.ok if nodes else sheet.warn)("nodes", count)
    _versions(sheet, nodes, chosen, settings)
    _exclusions(sheet, nodes, settings)
    _answers(sheet, snapshot)
    _figures(sheet, nodes, snapshot)
    _readiness(sheet, snapshot, settings)
    return nodes


def _answers(sheet: Sheet, snapshot: Snapshot) -> None:
    """The cautions about the panel's answers, each once."""
    remarks = list(dict.fromkeys(sheet.texts.reason(r.reason) for r in snapshot.remarks))
    for words in remarks:
        sheet.warn("answers", words)
    if not remarks:
        sheet.ok("answers", sheet.texts.text("check-answers-known"))


def _figures(sheet: Sheet, nodes: Sequence[Node], snapshot: Snapshot) -> None:
    """The kinds of VMs that the panel's allocations include."""
    texts, parts, neither = sheet.texts, [], 0
    for figure in ("vcpus", "memory"):
        sums = sums_of(figure, nodes, snapshot.vms)
        known, odd = len(nodes) - len(sums.missing), len(sums.neither)
        neither += odd
        text = texts.text("check-figures", figure=figure, told=known, every=sums.every, active=sums.active, neither=odd)
        parts += [text] if known else []
    if parts:
        (sheet.warn if neither else sheet.ok)("figures", "; ".join(parts))


def _readiness(sheet: Sheet, snapshot: Snapshot, settings: Settings) -> None:
    """The movable VMs of each cluster; a warning if no VM of any cluster can move."""
    texts, clusters = sheet.texts, _ready(snapshot, settings)
    tell = sheet.ok if any(one.movable for one in clusters) else sheet.warn
    for one in clusters:
        why = "; ".join(f"{texts.reason(reason)} ({count}×)" for reason, count in one.reasons) or "none"
        text = texts.text(
            "check-readiness",
            cluster=one.cluster_name,
            movable=one.movable,
            vms=one.vms,
            nodes=one.nodes,
            giving=one.giving,
            taking=one.taking,
            why=why,
        )
        tell("readiness", text)


def _ready(snapshot: Snapshot, settings: Settings) -> list[Readiness]:
    nodes = {
        role: frozenset(n.id for name in names for n in matching(snapshot.nodes, name))
        for role, names in (("from", settings.exclude_source_nodes), ("to", settings.exclude_target_nodes))
    }
    policy = settings.policy().with_exclusions(nodes["from"], nodes["to"])
    clusters = load_clusters_file(settings.clusters_file)
    chosen = [s for s in snapshot.split() if not settings.cluster_ids or s.clusters[0].id in settings.cluster_ids]
    return [readiness(own, clusters.policy_for(own.clusters[0], policy)) for own in chosen]


def _versions(sheet: Sheet, nodes: Sequence[Node], clusters: dict[int, Cluster], settings: Settings) -> None:
    """Checks the QEMU and kernel versions. They matter only for KVM, because only KVM migrates live."""
    texts = sheet.texts
    asked = [n for n in nodes if clusters[n.cluster_id].virtualization != "lxd"]
    unknown = [n.name for n in asked if n.qemu_version is None or n.kernel_version is None]
    if not asked:
        return
    if not unknown:
        qemu = sorted({n.qemu_version for n in asked if n.qemu_version})
        sheet.ok("versions", texts.text("check-versions", qemu=some(qemu)))
    elif settings.allow_unknown_versions:
        sheet.ok("versions", texts.text("check-versions-allowed", count=len(unknown), names=some(unknown)))
    else:
        sheet.warn("versions", texts.text("check-versions-unknown", count=len(unknown), names=some(unknown)))


def _exclusions(sheet: Sheet, nodes: Sequence[Node], settings: Settings) -> None:
    """Finds misspelt exclusions, which exclude nothing, before a migration shows the mistake."""
    texts = sheet.texts
    named = {
        "EXCLUDE_SOURCE_NODES": settings.exclude_source_nodes,
        "EXCLUDE_TARGET_NODES": settings.exclude_target_nodes,
    }
    wrong = [(setting, name) for setting, names in named.items() for name in names if not matching(nodes, name)]
    for setting, name in wrong:
        near = ", ".join(nearest(name, nodes)[:SHOWN])
        if near:
            sheet.fail("exclusions", texts.text("check-exclusion-near", setting=setting, name=name, near=near))
        else:
            sheet.fail("exclusions", texts.text("check-exclusion-unknown", setting=setting, name=name))
    if not wrong and any(named.values()):
        sheet.ok("exclusions", texts.text("check-exclusions"))
    if not settings.ssh_enabled:
        return
    for name in settings.ssh_hosts_mapping:
        if not matching(nodes, name):
            sheet.warn("exclusions", texts.text("check-mapping-unknown", name=name))


def some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
