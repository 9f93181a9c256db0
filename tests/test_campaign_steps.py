"""The steps of a campaign over any panel, any presses and any time: no node stays closed, and one node is worked on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot_builders import ANNA, BORIS, NOW
from hypothesis import given
from hypothesis import strategies as st

from balancer.model import Reason
from bot.domain.campaign_steps import Deed, Look, Progress, SeenNode, advance
from bot.domain.campaigns import (
    ENDED,
    Campaign,
    CampaignNode,
    CampaignState,
    CommandRun,
    NodeState,
    Press,
    closed_nodes,
    press,
    proposals_in_force,
    with_node,
)

BROKEN = Reason.of("campaign-move-failed", vm="vm", target="elm")
SEEN = st.none() | st.builds(
    SeenNode, in_service=st.booleans(), running=st.integers(0, 2), kernel=st.sampled_from([None, "6.1", "6.8"])
)
PROGRESS = st.none() | st.builds(
    Progress,
    total=st.just(3),
    arrived=st.integers(0, 3),
    started=st.booleans(),
    settled=st.booleans(),
    failure=st.sampled_from([None, None, BROKEN]),
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([None, None, None, *Press]),
        SEEN,
        PROGRESS,
        st.integers(0, 40),
        st.booleans(),
        st.booleans(),
        st.sampled_from([None, 0, 1]),
    ),
    max_size=40,
)


def new(*, hours: bool, maintenance: bool) -> Campaign:
    names = ("oak",) if maintenance else ("oak", "elm", "ash")
    nodes = tuple(CampaignNode(n, name, NodeState.WAITING, NOW) for n, name in enumerate(names, start=1))
    ends = NOW + timedelta(hours=5) if hours else None
    state = CampaignState.RUNNING
    return Campaign(1, 1, "Production", state, ANNA, NOW, nodes, ends_at=ends, maintenance=maintenance)


def is_sound(campaign: Campaign) -> None:
    """What holds after every step and every press."""
    at_work = [n for n in campaign.nodes if n.state not in (NodeState.WAITING, *ENDED)]
    assert len(at_work) <= 1, "one node at a time"
    closed = closed_nodes(campaign)
    assert closed <= {n.node_id for n in at_work}
    assert len(proposals_in_force(campaign)) <= 1
    if not campaign.is_open:
        assert not closed and not proposals_in_force(campaign) and campaign.ended_at is not None
        assert all(n.state in ENDED for n in campaign.nodes)
    if campaign.state is CampaignState.PAUSED:
        assert not proposals_in_force(campaign), "nothing begins during a pause"


@given(events=EVENTS, hours=st.booleans(), maintenance=st.booleans())
def test_any_course_keeps_one_node_at_work_and_leaves_none_closed(
    events: list[tuple[Press | None, SeenNode | None, Progress | None, int, bool, bool, int | None]],
    hours: bool,
    maintenance: bool,
) -> None:
    campaign, now, proposal = new(hours=hours, maintenance=maintenance), NOW, 100
    commands: list[int] = []
    for what, seen, progress, minutes, alone, has_command, code in events:
        now += timedelta(minutes=minutes)
        if what is not None:
            campaign = press(campaign, what, BORIS, now) or campaign
            is_sound(campaign)
            continue
        node = campaign.current
        if node is not None and node.command is not None and node.command.ended_at is None:
            campaign = with_node(campaign, replace(node, command=CommandRun(NOW, now, code)))
            node = campaign.current
        known = progress if node is not None and node.proposal_id is not None else None
        step = advance(campaign, Look(seen, known, now, alone=alone, has_command=has_command))
        if step is None:
            continue
        before, campaign = campaign, step.campaign
        if step.deed in (Deed.EMPTY, Deed.FILL) and campaign.current is not None:
            proposal += 1
            assert before.state is CampaignState.RUNNING
            assert campaign.current.state in (NodeState.WAITING, NodeState.ASKED, NodeState.BACK)
            state = NodeState.BACK if campaign.current.state is NodeState.BACK else NodeState.ASKED
            campaign = with_node(campaign, replace(campaign.current, state=state, proposal_id=proposal))
        if step.deed is Deed.COMMAND and campaign.current is not None:
            assert seen is not None and seen.running == 0, "the panel shows the node empty"
            commands.append(campaign.current.node_id)
        for b, n in zip(before.nodes, campaign.nodes, strict=True):
            if n.state is NodeState.EMPTY and b.state is not NodeState.EMPTY:
                assert seen is not None and seen.running == 0, "only an empty node is called empty"
        is_sound(campaign)
    assert len(commands) == len(set(commands)), "the command runs once for a node"
    stopped = press(campaign, Press.STOP, ANNA, now)
    is_sound(stopped or campaign)
    assert closed_nodes(stopped or campaign) == frozenset()
