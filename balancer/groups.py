"""The operator's rules about VMs: their definition (VMRule), the VMs that they match, and the nodes of those VMs.

Definitions name VMs by id, name pattern or tag. ``Groups`` turns them into ids once per plan, and follows each move of
the plan. It forbids nothing; rules/group.py does that. ProxLB's tags on VMs (``plb_affinity_…``,
``plb_anti_affinity_…``, ``plb_pin_<node>``, ``plb_ignore_…``) are rules too. During a migration a VM counts on no node:
the rule node-busy closes both nodes until the panel shows the VM on its new node.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from balancer.model import VM, Node, Reason, Snapshot

APART, TOGETHER, PIN, STAY, IGNORE = "anti-affinity", "affinity", "pin", "stay", "ignore"
KINDS: tuple[str, ...] = (APART, TOGETHER, PIN, STAY, IGNORE)

NAMED = 3
"""How many VMs a caution names; the rest are counted."""

ASK_TAG = "ask"
"""In assist mode a VM with this tag, in any case, is moved only when a person agrees."""
_TAG_PIN = "plb_pin_"
_TAG_IGNORE = "plb_ignore"
_TAG_GROUPS = {"plb_anti_affinity_": APART, "plb_affinity_": TOGETHER}


@dataclass(frozen=True, slots=True)
class VMRule:
    """One rule as it was written. It matches every VM with one of its ids, name patterns or tags.

    In names ``*`` matches anything and ``?`` one character, in any case.

    Raises:
        ValueError: the kind is unknown, no VM is named, or nodes are missing or not allowed for the kind.
    """

    kind: str
    """``anti-affinity``, ``affinity``, ``pin``, ``stay`` or ``ignore``."""
    name: str
    vm_ids: tuple[int, ...] = ()
    vm_names: tuple[str, ...] = ()
    vm_tags: tuple[str, ...] = ()
    node_ids: tuple[int, ...] = ()
    """For ``pin``: the only nodes that may take these VMs."""
    node_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"rule {self.name!r}: its kind is {self.kind!r}, one of {', '.join(KINDS)} is needed")
        if not (self.vm_ids or self.vm_names or self.vm_tags):
            raise ValueError(f"rule {self.name!r} names no VM: give ids, names or tags")
        if self.kind == PIN and not (self.node_ids or self.node_names):
            raise ValueError(f"rule {self.name!r} pins its VMs to no node: give ids or names of nodes")
        if self.kind != PIN and (self.node_ids or self.node_names):
            raise ValueError(f"rule {self.name!r} names nodes: that means something for {PIN!r} only")

    @property
    def wanted(self) -> tuple[int | str, ...]:
        """Everything that the rule names, VMs and nodes, as written."""
        return (*self.vm_ids, *self.vm_names, *self.vm_tags, *self.node_ids, *self.node_names)


@dataclass(frozen=True, slots=True)
class Group:
    """The VMs of one cluster that an affinity or anti-affinity rule matches: at least two."""

    index: int
    name: str
    members: frozenset[int]


@dataclass(frozen=True, slots=True)
class Pin:
    """The only nodes that a rule allows for a VM; empty if the rule names no existing node."""

    name: str
    nodes: frozenset[int]


@dataclass(slots=True)
class Groups:
    """The rules of one cluster by VM, with the node of every member of a group after the moves so far."""

    ignored: dict[int, str] = field(default_factory=dict)
    """VM -> name of the rule. ``staying``: the same."""
    staying: dict[int, str] = field(default_factory=dict)
    pins: dict[int, tuple[Pin, ...]] = field(default_factory=dict)
    apart: dict[int, tuple[Group, ...]] = field(default_factory=dict)
    together: dict[int, tuple[Group, ...]] = field(default_factory=dict)
    left: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Nodes that a VM has left recently and does not return to. Not a rule of the operator, but it works like one."""
    judged: frozenset[int] = frozenset()
    """VMs about whose targets the panel was asked. Not a rule of the operator, but it works like one."""
    _place: dict[int, int | None] = field(default_factory=dict)
    _count: dict[tuple[int, int], int] = field(default_factory=dict)

    @staticmethod
    def of(snapshot: Snapshot, rules: Sequence[VMRule]) -> Groups:
        """The rules, and the rules in tags, matched with the VMs and nodes of this snapshot."""
        groups = Groups()
        everything = [*rules, *_tag_rules(snapshot.vms)]
        if everything:
            groups._resolve(snapshot, everything)
        return groups

    def copy(self) -> Groups:
        """An independent copy."""
        return replace(self, _place=dict(self._place), _count=dict(self._count))

    @property
    def binds_any(self) -> bool:
        """Whether a rule makes a difference between targets for any VM."""
        return bool(self.pins or self._place or self.left or self.judged)

    def binds(self, vm_id: int) -> bool:
        """Whether a rule makes a difference between targets for this VM."""
        return vm_id in self.pins or vm_id in self._place or vm_id in self.left or vm_id in self.judged

    def mates_on(self, group: Group, vm_id: int, node_id: int | None) -> int:
        """How many other members of the group are on the node now."""
        if node_id is None:
            return 0
        return self._count.get((group.index, node_id), 0) - (self._place.get(vm_id) == node_id)

    def place(self, vm_id: int) -> int | None:
        """The node of a member of a group now."""
        return self._place.get(vm_id)

    def moved(self, vm_id: int, target_id: int) -> None:
        """Records that the VM is on the target from now on."""
        if vm_id not in self._place:
            return
        source_id = self._place[vm_id]
        for group in (*self.apart.get(vm_id, ()), *self.together.get(vm_id, ())):
            if source_id is not None:
                self._count[group.index, source_id] -= 1
            self._count[group.index, target_id] = self._count.get((group.index, target_id), 0) + 1
        self._place[vm_id] = target_id

    def _resolve(self, snapshot: Snapshot, rules: Sequence[VMRule]) -> None:
        find = _VMIndex(snapshot.vms)
        for index, rule in enumerate(rules):
            self._add(index, rule, find.vms(rule), snapshot)
        for vm in snapshot.vms:
            if vm.id in self.apart or vm.id in self.together:
                self._place[vm.id] = vm.node_id
                for group in (*self.apart.get(vm.id, ()), *self.together.get(vm.id, ())):
                    if vm.node_id is not None:
                        key = (group.index, vm.node_id)
                        self._count[key] = self._count.get(key, 0) + 1

    def _add(self, index: int, rule: VMRule, members: frozenset[int], snapshot: Snapshot) -> None:
        if rule.kind == IGNORE:
            self.ignored.update({vm_id: rule.name for vm_id in members if vm_id not in self.ignored})
        elif rule.kind == STAY:
            self.staying.update({vm_id: rule.name for vm_id in members if vm_id not in self.staying})
        elif rule.kind == PIN:
            pin = Pin(rule.name, frozenset(n.id for n in snapshot.nodes if _is_meant(n, rule)))
            for vm_id in members:
                self.pins[vm_id] = (*self.pins.get(vm_id, ()), pin)
        elif len(members) > 1:
            self._join(Group(index, rule.name, members), self.apart if rule.kind == APART else self.together)

    @staticmethod
    def _join(group: Group, groups_of: dict[int, tuple[Group, ...]]) -> None:
        for vm_id in group.members:
            groups_of[vm_id] = (*groups_of.get(vm_id, ()), group)


def unmatched(snapshot: Snapshot, rules: Iterable[VMRule]) -> frozenset[tuple[str, str]]:
    """Parts of rules that match nothing here, also nodes of pins: (name of the rule, the part)."""
    find = _VMIndex(snapshot.vms)
    missing: set[tuple[str, str]] = set()
    for rule in rules:
        for text, alone in _selectors(rule):
            if not find.vms(alone):
                missing.add((rule.name, text))
        if rule.kind == PIN:
            missing |= {(rule.name, str(i)) for i in rule.node_ids if all(n.id != i for n in snapshot.nodes)}
            for name in rule.node_names:
                fits = _Names([name]).fits
                if not any(fits(n.name.casefold()) for n in snapshot.nodes):
                    missing.add((rule.name, name))
    return frozenset(missing)


def matches(snapshot: Snapshot, rules: Iterable[VMRule]) -> dict[tuple[bool, str, str], frozenset[int]]:
    """(Whether it names nodes, name of the rule, part of the rule) -> the ids of VMs or nodes that it matches here."""
    find = _VMIndex(snapshot.vms)
    members: dict[tuple[bool, str, str], frozenset[int]] = {}
    for rule in rules:
        members |= {(False, rule.name, text): frozenset(find.vms(alone)) for text, alone in _selectors(rule)}
        if rule.kind == PIN:
            for name in rule.node_names:
                fits = _Names([name]).fits
                nodes = frozenset(n.id for n in snapshot.nodes if fits(n.name.casefold()))
                members[True, rule.name, name] = nodes
    return members


def tag_rules(snapshot: Snapshot) -> tuple[VMRule, ...]:
    """The rules in ProxLB's tags, one per tag, by name."""
    return tuple(_tag_rules(snapshot.vms))


def protecting_tags(snapshot: Snapshot, rules: Iterable[VMRule]) -> dict[str, frozenset[int]]:
    """Tag in lower case -> ids of its VMs, for every tag that a rule names or that is a rule itself."""
    named = {tag.strip().casefold() for rule in rules for tag in rule.vm_tags}
    members: dict[str, set[int]] = {tag: set() for tag in named}
    for vm in snapshot.vms:
        for written in vm.tags:
            tag = written.strip().casefold()
            if tag in named or is_rule_tag(tag):
                members.setdefault(tag, set()).add(vm.id)
    return {tag: frozenset(ids) for tag, ids in members.items()}


def is_rule_tag(tag: str) -> bool:
    """Whether a tag (in lower case) is a rule by itself: the tag of assist mode, or a rule of ProxLB."""
    return tag == ASK_TAG or tag.startswith((_TAG_PIN, _TAG_IGNORE, *_TAG_GROUPS))


def violations(snapshot: Snapshot, groups: Groups) -> tuple[Reason, ...]:
    """Cautions about rules that are broken in the snapshot. No VM is moved only to correct this."""
    vms = {vm.id: vm for vm in snapshot.vms}
    names = {node.id: node.name for node in snapshot.nodes}
    reasons: list[Reason] = []
    for kind, groups_of in ((APART, groups.apart), (TOGETHER, groups.together)):
        for group in sorted({g for own in groups_of.values() for g in own}, key=lambda g: g.index):
            reasons += _broken(kind, group, vms, names)
    for vm_id in sorted(groups.pins):
        vm = vms[vm_id]
        for pin in groups.pins[vm_id]:
            if vm.node_id is not None and vm.node_id not in pin.nodes:
                place = names.get(vm.node_id, str(vm.node_id))
                reasons.append(Reason.of("caution-off-pin", vm=vm.name, node=place, rule=pin.name))
    return tuple(reasons)


def _broken(kind: str, group: Group, vms: Mapping[int, VM], nodes: Mapping[int, str]) -> Iterator[Reason]:
    on: dict[int, list[VM]] = defaultdict(list)
    for vm_id in sorted(group.members):
        place = vms[vm_id].node_id
        if place is not None:
            on[place].append(vms[vm_id])
    if kind == TOGETHER:
        if len(on) > 1:
            yield Reason.of("caution-not-together", rule=group.name, vms=len(group.members), nodes=len(on))
        return
    for node_id in sorted(on):
        if len(on[node_id]) > 1:
            shown = ", ".join(vm.name for vm in on[node_id][:NAMED])
            more = len(on[node_id]) - NAMED
            node = nodes.get(node_id, str(node_id))
            yield Reason.of("caution-not-apart", rule=group.name, node=node, names=shown, more=max(0, more))


# --- match names and tags -------------------------------------------------------------------------------


class _Names:
    """Name patterns with ``*`` and ``?``. Plain names and prefixes, the usual patterns, are matched fast."""

    def __init__(self, written: Iterable[str]) -> None:
        names = [name.strip().casefold() for name in written]
        self._whole = frozenset(n for n in names if not _is_pattern(n))
        self._beginnings = tuple(n[:-1] for n in names if n.endswith("*") and not _is_pattern(n[:-1]))
        others = [n for n in names if _is_pattern(n[:-1]) or n.endswith("?")]
        parts = (re.escape(n).replace(r"\*", ".*").replace(r"\?", ".") for n in others)
        self._others = re.compile("|".join(f"(?:{part})" for part in parts), re.DOTALL) if others else None

    def fits(self, name: str) -> bool:
        """Whether a pattern matches this name, which must be in lower case (``casefold``)."""
        if name in self._whole or name.startswith(self._beginnings):
            return True
        return self._others is not None and self._others.fullmatch(name) is not None


def _is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


class _VMIndex:
    """The VMs of a snapshot by id, name and tag."""

    def __init__(self, vms: Sequence[VM]) -> None:
        self._ids = frozenset(vm.id for vm in vms)
        self._vms = vms
        self._names: list[tuple[str, int]] = []
        self._tags: dict[str, set[int]] = defaultdict(set)
        for vm in vms:
            for tag in vm.tags:
                self._tags[tag.strip().casefold()].add(vm.id)

    def vms(self, rule: VMRule) -> frozenset[int]:
        matched = self._ids.intersection(rule.vm_ids)
        for tag in rule.vm_tags:
            matched = matched.union(self._tags.get(tag.strip().casefold(), ()))
        if rule.vm_names:
            self._names = self._names or [(vm.name.casefold(), vm.id) for vm in self._vms]
            fits = _Names(rule.vm_names).fits
            matched = matched.union([vm_id for name, vm_id in self._names if fits(name)])
        return matched


def _is_meant(node: Node, rule: VMRule) -> bool:
    return node.id in rule.node_ids or _Names(rule.node_names).fits(node.name.casefold())


def _selectors(rule: VMRule) -> Iterator[tuple[str, VMRule]]:
    """Each id, name or tag of the rule, with a rule that has only this one."""
    yield from ((str(i), VMRule(STAY, rule.name, vm_ids=(i,))) for i in rule.vm_ids)
    yield from ((name, VMRule(STAY, rule.name, vm_names=(name,))) for name in rule.vm_names)
    yield from ((tag, VMRule(STAY, rule.name, vm_tags=(tag,))) for tag in rule.vm_tags)


def _tag_rules(vms: Sequence[VM]) -> list[VMRule]:
    """The rules in ProxLB's tags. A VM with several pins may be on any of their nodes."""
    groups: dict[str, tuple[str, str]] = {}
    ignored: dict[str, set[int]] = defaultdict(set)
    pins: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for vm in vms:
        if not vm.tags:
            continue
        nodes = []
        for written in vm.tags:
            tag = written.strip().casefold()
            if tag.startswith(_TAG_PIN) and len(tag) > len(_TAG_PIN):
                nodes.append(tag[len(_TAG_PIN) :])
            elif tag == _TAG_IGNORE or tag.startswith(_TAG_IGNORE + "_"):
                ignored[tag].add(vm.id)
            else:
                for prefix, kind in _TAG_GROUPS.items():
                    if tag.startswith(prefix) and len(tag) > len(prefix):
                        groups[tag] = (kind, written)
        if nodes:
            pins[tuple(sorted(set(nodes)))].add(vm.id)
    rules = [VMRule(kind, tag, vm_tags=(written,)) for tag, (kind, written) in sorted(groups.items())]
    rules += [VMRule(IGNORE, tag, vm_ids=tuple(sorted(ids))) for tag, ids in sorted(ignored.items())]
    for names, ids in sorted(pins.items()):
        spelled = ", ".join(_TAG_PIN + name for name in names)
        rules.append(VMRule(PIN, spelled, vm_ids=tuple(sorted(ids)), node_names=names))
    return rules
