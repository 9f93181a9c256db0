"""Which picture goes with which view: what the chat knows, handed to those who draw. Words never wait for a picture
that fails: they go alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from balancer.model import VM, Purpose
from balancer.policy import Policy
from balancer.requests.capacity import CapacityReport
from bot.domain.campaigns import Campaign
from bot.domain.load_history import BusyNode, DayHours, PastMigration, Sample
from bot.domain.proposals import IN_FLIGHT, Proposal
from bot.rendering.catalog import Texts
from bot.rendering.charts import (
    Arrow,
    Limits,
    Section,
    before_after_picture,
    campaign_picture,
    capacity_picture,
    cluster_picture,
    digest_picture,
    drawn,
    load_picture,
    overview_picture,
    vm_load_picture,
)
from bot.service.service import Service
from bot.service.values import Status
from bot.telegram.views.view import Picture, View, fits


async def illustrated(view: View, draw: Callable[[], Awaitable[bytes | None]]) -> View:
    """The view with a picture, which is drawn only where the words fit under it."""
    return replace(view, photo=await draw()) if fits(view) else view


async def status_photo(service: Service, texts: Texts, status: Status) -> bytes | None:
    """One cluster with what is proposed and what runs, or several at a glance."""
    plans = [plan for plan in status.plans if plan.nodes]
    if not plans or not service.settings.pictures:
        return None
    if len(plans) > 1:
        policies = await service.queries.policies_of([plan.cluster_id for plan in plans])
        sections = [Section(p.cluster_name, p.nodes, _limits(own)) for p, own in zip(plans, policies, strict=True)]
        return await drawn(overview_picture, texts, sections, texts.text("picture-clusters", count=len(plans)))
    [plan] = plans
    arrows = [
        Arrow(m.move.source_id, m.move.target_id)
        for p in status.waiting
        if p.cluster_id == plan.cluster_id
        for m in p.pending
    ]
    arrows += [
        Arrow(m.move.source_id, m.move.target_id, running=m.state in IN_FLIGHT)
        for m in status.running
        if m.cluster_id == plan.cluster_id
    ]
    limits = _limits(await service.queries.policy_of(plan.cluster_id))
    return await drawn(cluster_picture, texts, plan.nodes, arrows, limits, plan.cluster_name)


async def proposal_photo(service: Service, texts: Texts, proposal: Proposal) -> bytes | None:
    """What its moves change, before and after; ``None`` also where the settings want no pictures."""
    if not service.settings.pictures:
        return None
    plan = proposal.plan
    limits = _limits(await service.queries.policy_of(plan.cluster_id))
    return await drawn(before_after_picture, texts, plan, limits, plan.cluster_name)


def proposal_picture(service: Service, texts: Texts, proposal: Proposal) -> Picture | None:
    """The picture of a proposal that relieves nodes; ``None`` for what a person requested.

    A proposal's plan never changes, so neither does its picture.
    """
    if proposal.purpose is not Purpose.BALANCE:
        return None
    return Picture(f"{proposal.id} {texts.language}", partial(proposal_photo, service, texts, proposal))


def picture_of_campaign(texts: Texts, campaign: Campaign) -> Picture:
    """Where a campaign is. It changes with the states of the nodes, not with every VM that has moved."""
    states = " ".join(node.state.value for node in campaign.nodes)
    key = f"campaign {campaign.id} {states} {texts.language}"
    return Picture(key, partial(drawn, campaign_picture, texts, campaign))


async def load_photo(
    texts: Texts,
    policy: Policy,
    samples: Sequence[Sample],
    migrations: Sequence[PastMigration],
    *,
    title: str,
    since: datetime,
    until: datetime,
    node_id: int | None,
) -> bytes | None:
    """A node's load over time, or (``node_id`` is ``None``) that of a cluster."""
    return await drawn(
        load_picture,
        texts,
        samples,
        migrations,
        _limits(policy),
        title=title,
        since=since,
        until=until,
        node_id=node_id,
    )


async def vm_load_photo(
    texts: Texts,
    vm: VM,
    samples: Sequence[Sample],
    migrations: Sequence[PastMigration],
    *,
    since: datetime,
    until: datetime,
) -> bytes | None:
    """The load of a VM over time."""
    return await drawn(
        vm_load_picture, texts, samples, migrations, vm.vcpus or 0, title=vm.name, since=since, until=until
    )


async def capacity_photo(texts: Texts, report: CapacityReport) -> bytes | None:
    """What is allocated in a cluster over time, and when it is full."""
    return await drawn(capacity_picture, texts, report)


async def digest_photo(texts: Texts, days: Sequence[DayHours], busiest: Sequence[BusyNode]) -> bytes | None:
    """The days and the busiest nodes; nothing where nothing was overloaded."""
    return await drawn(digest_picture, texts, days, busiest) if busiest else None


def _limits(policy: Policy) -> Limits:
    return Limits(policy.cpu_overload_ratio, policy.memory_overload_percent, policy.ssh_load_overload)
