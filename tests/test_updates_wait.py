"""The nodes that a message names while a rolling update blocks directions of moves."""

from __future__ import annotations

import pytest
from core_builders import node, snapshot

from balancer.model import Recent
from balancer.policy import Policy
from balancer.rules.updates import updates_wait

OLD, NEW = "5.15.0-91-generic", "5.15.0-92-generic"


@pytest.mark.parametrize(
    ("versions", "sources", "names"),
    [
        ({1: (OLD, "8.2"), 2: (NEW, "8.2"), 3: (NEW, "8.2")}, {1}, "n1"),
        ({1: (OLD, "8.2"), 2: (NEW, "8.2"), 3: (NEW, "8.2")}, {2}, None),
        ({1: (OLD, "8.2"), 2: (OLD, "8.2"), 3: (NEW, "8.2")}, {2}, "n1, n2"),
        ({1: (NEW, "8.3"), 2: (NEW, "8.2"), 3: (NEW, "8.2")}, {1}, "n2, n3"),
        ({1: (OLD, "8.3"), 2: (NEW, "8.2"), 3: (NEW, "8.2")}, {1}, "n1, n2, n3"),
        ({1: (OLD, "8.2"), 2: (OLD, "8.2"), 3: (OLD, "8.2")}, {1}, None),
        ({1: (OLD, "8.2"), 2: (NEW, "8.2"), 3: (NEW, "8.2")}, set(), None),
    ],
)
def test_nodes_with_older_versions_are_named(
    versions: dict[int, tuple[str, str]], sources: set[int], names: str | None
) -> None:
    nodes = [node(i, kernel_version=kernel, qemu_version=qemu) for i, (kernel, qemu) in versions.items()]
    reason = updates_wait(snapshot(nodes, []), Policy(), Recent(), sources)
    assert (reason.as_dict()["names"] if reason else None) == names


def test_a_rule_that_does_not_compare_kernels_gives_no_note() -> None:
    nodes = [node(1, kernel_version=OLD), node(2, kernel_version=NEW)]
    assert updates_wait(snapshot(nodes, []), Policy(kernel_rule="series"), Recent(), {1}) is None
