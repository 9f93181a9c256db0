"""When a cluster is full, in lines of plain text: for the chat, the terminal, the console and the digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from balancer.forecast import LEAST_DAYS, Trend
from balancer.requests.capacity import CPU, CapacityReport, Order, ResourceDate, ServiceChange, SizeGrowth
from bot.domain import times
from bot.rendering.catalog import Texts
from bot.rendering.charts.scale import day_words

MOST_EVENTS = 3
"""Steps and changes of nodes that are told, the newest."""
MOST_CLUSTERS = 5
"""Clusters of which the digest tells when they are full."""


def capacity_lines(texts: Texts, report: CapacityReport, now: datetime) -> list[str]:
    """Everything that `/capacity` says of one cluster, without its name."""
    if not report.samples:
        return [texts.text("capacity-nothing")]
    lines = []
    for resource in report.dates:
        lines += [allocated_line(texts, resource), date_line(texts, resource, now)]
        lines += [_order_line(texts, resource, order, now) for order in resource.orders[-MOST_EVENTS:]]
    lines += [_nodes_line(texts, change, now) for change in report.changes[-MOST_EVENTS:]]
    lines += growth_lines(texts, report, now)
    if report.standard is not None:
        lines.append(standard_line(texts, report))
    if report.switch_off is not None:
        names, moves = report.switch_off
        lines.append(
            texts.text("capacity-switch-off", nodes=", ".join(names), count=moves)
            if names
            else texts.text("capacity-switch-off-none")
        )
    if report.out_of_service:
        lines.append(texts.text("capacity-out-of-service", count=report.out_of_service))
    lines.append(texts.text("capacity-since", date=day(texts, report.samples[0].at, now)))
    return lines


def allocated_line(texts: Texts, resource: ResourceDate) -> str:
    """How much is allocated, and how much may be."""
    unit = 1 if resource.resource == CPU else 1024
    return texts.text(
        "capacity-cpu" if resource.resource == CPU else "capacity-memory",
        allocated=resource.allocated / unit,
        limit=resource.limit / unit,
        threshold=resource.threshold,
    )


def date_line(texts: Texts, resource: ResourceDate, now: datetime) -> str:
    """When the threshold is reached, or why there is no date."""
    if resource.reached:
        return texts.text("capacity-reached")
    if resource.trend is not Trend.RISING:
        return texts.text(f"capacity-{resource.trend.value}", days=round(LEAST_DAYS))
    change = _amount(texts, resource, (resource.growth or 0.0))
    if resource.first is None:
        return texts.text("capacity-later", date=day(texts, resource.horizon, now), change=change)
    first = day(texts, resource.first, now)
    if resource.last is None:
        return texts.text("capacity-open", first=first, horizon=day(texts, resource.horizon, now), change=change)
    last = day(texts, resource.last, now)
    if first == last:
        return texts.text("capacity-day", date=first, change=change)
    return texts.text("capacity-range", first=first, last=last, change=change)


def growth_lines(texts: Texts, report: CapacityReport, now: datetime) -> list[str]:
    """How the VMs of each size became more or fewer."""
    changed = [growth for growth in report.growth if growth.vms_before != growth.vms_now]
    if report.growth_since is None or not changed:
        return []
    since = texts.text("capacity-growth", date=day(texts, report.growth_since, now))
    return [since, *(_size_line(texts, growth) for growth in changed)]


def standard_line(texts: Texts, report: CapacityReport) -> str:
    """How many VMs of the commonest size still fit."""
    standard = report.standard
    assert standard is not None  # noqa: S101 - the caller looks
    return texts.text("capacity-standard", fit=standard.fit, vcpus=standard.vcpus, gib=standard.memory_mib / 1024)


def day(texts: Texts, at: datetime, now: datetime) -> str:
    """A day in the zone of the reader, with its year if it is not this one."""
    there = times.local(at, texts.zone).date()
    words = day_words(texts, there, weekday=False)
    this: date = times.local(now, texts.zone).date()
    return words if there.year == this.year else texts.text("capacity-year", date=words, year=str(there.year))


def _amount(texts: Texts, resource: ResourceDate, amount: float) -> str:
    """vCPUs or GiB with a sign."""
    sign = "+" if amount > 0 else "−" if amount < 0 else ""
    if resource.resource == CPU:
        return texts.text("capacity-vcpus", sign=sign, amount=abs(amount))
    return texts.text("capacity-gib", sign=sign, amount=abs(amount) / 1024)


def _order_line(texts: Texts, resource: ResourceDate, order: Order, now: datetime) -> str:
    change = _amount(texts, resource, order.change)
    return texts.text("capacity-order", date=day(texts, order.at, now), change=change)


def _nodes_line(texts: Texts, change: ServiceChange, now: datetime) -> str:
    def signed(number: int) -> str:
        return f"+{number}" if number > 0 else f"−{-number}" if number < 0 else "0"

    return texts.text(
        "capacity-nodes", date=day(texts, change.at, now), nodes=signed(change.nodes), cpus=signed(change.cpus)
    )


def _size_line(texts: Texts, growth: SizeGrowth) -> str:
    size = f"{growth.above + 1}–{growth.most}" if growth.most is not None else f"> {growth.above}"
    if growth.most is not None and growth.most == growth.above + 1:
        size = str(growth.most)
    return texts.text("capacity-size", size=size, before=growth.vms_before, now=growth.vms_now)


def first_dates(texts: Texts, reports: Sequence[CapacityReport], now: datetime) -> list[str]:
    """A line for each of the ``MOST_CLUSTERS`` clusters that are full first; those without a date are left out."""
    dated = [(soonest, report) for report in reports if (soonest := first_full(report)) is not None]
    dated.sort(key=lambda pair: (not pair[0].reached, pair[0].first or now, pair[1].cluster_id))
    return [_full_line(texts, report, soonest, now) for soonest, report in dated[:MOST_CLUSTERS]]


def first_full(report: CapacityReport) -> ResourceDate | None:
    """The resource that is full first; ``None`` where neither has a date."""
    dated = [date for date in report.dates if date.reached or date.first is not None]
    return min(dated, key=lambda date: (not date.reached, date.first or date.horizon), default=None)


def _full_line(texts: Texts, report: CapacityReport, soonest: ResourceDate, now: datetime) -> str:
    key = "digest-full-cpu" if soonest.resource == CPU else "digest-full-memory"
    return texts.text(key, cluster=report.cluster_name, when=date_line(texts, soonest, now))
