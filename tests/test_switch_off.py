"""Which nodes could be switched off while the cluster still survives the loss of another one."""

from __future__ import annotations

from dataclasses import replace

from test_roll import POLICY, world

from balancer.model import Recent
from balancer.requests.switch_off import SwitchOff, nodes_to_switch_off


def test_emptiest_nodes_go_while_a_loss_is_survived() -> None:
    off = nodes_to_switch_off(world(6, 4), POLICY, Recent())
    # 24 VMs of 6 vCPUs; a node holds 11 of them: three nodes hold all, and two of them still hold 22
    assert off.node_names == ("n1", "n2")
    assert off.moves >= 8


def test_nothing_goes_where_no_loss_is_survived_already() -> None:
    assert nodes_to_switch_off(world(2, 7), POLICY, Recent()) == SwitchOff((), 0)


def test_node_with_a_vm_that_may_not_leave_stays_on() -> None:
    seen = world(4, 2)
    seen = replace(seen, vms=tuple(replace(v, iso_mounted=True) if v.node_id == 1 else v for v in seen.vms))
    assert "n1" not in nodes_to_switch_off(seen, POLICY, Recent()).node_names


def test_node_in_maintenance_is_not_offered() -> None:
    seen = world(5, 2)
    seen = replace(seen, nodes=(replace(seen.nodes[0], maintenance=True), *seen.nodes[1:]))
    assert "n1" not in nodes_to_switch_off(seen, POLICY, Recent()).node_names
