"""The VMs about which the panel is asked: only a rule about nodes forbids their targets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_builders import node, snapshot, vm

from balancer.model import Recent
from balancer.policy import PANEL, Policy
from balancer.rules.suitable import questions

OLDER, NEWER = "5.15.0-91-generic", "6.1.0-18-amd64"


def asked(policy: Policy, *, each: int = 5) -> list[tuple[int, frozenset[int]]]:
    nodes = [
        node(1, kernel_version=OLDER, qemu_version="8.2.0", vcpus_allocated=80),
        node(2, kernel_version=NEWER, qemu_version="8.2.0"),
        node(3, kernel_version=OLDER, qemu_version="7.2.0"),
        node(4, kernel_version=NEWER, qemu_version="8.2.0", maintenance=True),
        node(5, kernel_version=OLDER, qemu_version="8.2.0"),
        node(6, kernel_version=OLDER, qemu_version="8.2.0", placement_filter="ssd"),
    ]
    vms = [vm(11, vcpus=8), vm(12, vcpus=2), vm(13, iso_mounted=True)]
    return [tuple(question) for question in questions(snapshot(nodes, vms), policy, Recent(), [1], each)]


def test_panel_is_asked_about_targets_that_only_the_kernel_closes() -> None:
    """Node 3 has an older QEMU, node 4 is in maintenance, node 5 is open: an answer could change none of them."""
    assert asked(Policy(placement_filters="equal")) == [(12, frozenset({2})), (11, frozenset({2}))]


def test_panel_is_asked_about_the_smallest_vms_only() -> None:
    assert asked(Policy(placement_filters="equal"), each=1) == [(12, frozenset({2}))]


@pytest.mark.parametrize("target_filter", [None, "ssd"])
def test_panel_is_asked_about_placement_filters_with_that_rule_only(target_filter: str | None) -> None:
    source, target = node(1, vcpus_allocated=80), node(2, placement_filter=target_filter)
    seen = snapshot([source, target], [vm(11)])
    expected = [(11, frozenset({2}))] if target_filter else []
    assert questions(seen, replace(Policy(), placement_filters=PANEL), Recent(), [1], 5) == expected
    assert questions(seen, replace(Policy(), placement_filters="equal"), Recent(), [1], 5) == []


def test_no_question_about_a_source_that_no_vm_may_leave() -> None:
    source = node(1, kernel_version=OLDER, vcpus_allocated=80, maintenance=True)
    assert questions(snapshot([source, node(2, kernel_version=NEWER)], [vm(11)]), Policy(), Recent(), [1, 99], 5) == []
