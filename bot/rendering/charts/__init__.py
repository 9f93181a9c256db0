"""Pictures for the chat: plain values in, the bytes of a PNG out. The only user of matplotlib.

Pictures are 390 logical pixels wide with two pixels each, on a background that suits light and dark chats. matplotlib
is imported when the first picture is drawn: ``import bot.rendering.charts`` costs nothing. Each function blocks for
some tenths of a second: an event loop calls it by ``drawn``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import partial
from typing import ParamSpec

from balancer.model import NodeReport, Plan
from balancer.requests.capacity import CapacityReport
from bot.domain.campaigns import Campaign
from bot.domain.load_history import BusyNode, PastMigration, Sample
from bot.rendering.catalog import Texts
from bot.rendering.charts.values import Arrow, Limits, Section

__all__ = [
    "Arrow",
    "Limits",
    "Section",
    "before_after_picture",
    "campaign_picture",
    "capacity_picture",
    "cluster_picture",
    "digest_picture",
    "drawn",
    "load_picture",
    "overview_picture",
    "vm_load_picture",
]

log = logging.getLogger(__name__)
# They log about fonts and a cache folder, which an operator need not know.
for _library in ("matplotlib", "PIL"):
    logging.getLogger(_library).setLevel(logging.ERROR)
P = ParamSpec("P")
_one_at_a_time = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")
"""matplotlib is not safe with two threads, and pictures must not take both cores."""


async def drawn(draw: Callable[P, bytes], *args: P.args, **kwargs: P.kwargs) -> bytes | None:
    """The picture, drawn in the only thread for pictures; ``None`` with a warning in the log if that fails.

    The caller then sends its text without a picture.
    """
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(_one_at_a_time, partial(draw, *args, **kwargs))
    except ImportError as error:
        log.warning("No pictures: matplotlib is not installed or incomplete (%s)", error)
    except Exception as error:
        log.warning("A picture cannot be drawn: %s: %s", type(error).__name__, error)
        log.debug("Where it failed", exc_info=True)
    return None


def cluster_picture(
    texts: Texts, nodes: Sequence[NodeReport], arrows: Sequence[Arrow], limits: Limits, title: str
) -> bytes:
    """One cluster: up to 24 nodes as bars, more as tiles, beyond 60 the busiest as tiles and the others as squares.

    Args:
        arrows: the moves proposed and running; those of nodes that are not among ``nodes`` are left out.
    """
    from bot.rendering.charts import cluster

    return cluster.draw(texts, nodes, arrows, limits, title=title)


def overview_picture(texts: Texts, sections: Sequence[Section], title: str) -> bytes:
    """Several clusters, the overloaded first: a square for each node, worst first, as many as fit."""
    from bot.rendering.charts import overview

    return overview.draw(texts, sections, title)


def before_after_picture(texts: Texts, plan: Plan, limits: Limits, title: str) -> bytes:
    """What a plan's moves do to the nodes they touch: the 14 most changed, and the number of the others."""
    from bot.rendering.charts import moves

    return moves.draw(texts, plan, limits, title)


def load_picture(
    texts: Texts,
    samples: Sequence[Sample],
    migrations: Sequence[PastMigration],
    limits: Limits,
    *,
    title: str,
    since: datetime,
    until: datetime,
    node_id: int | None = None,
) -> bytes:
    """Load over time, in the zone of ``texts``. Unknown times are gaps.

    Args:
        samples: of one node or of one cluster, in the order of time.
        node_id: the node of the samples; migrations then show whether a VM came or left. ``None``: a cluster.
    """
    from bot.rendering.charts import history

    return history.draw(texts, samples, migrations, limits, title=title, since=since, until=until, node_id=node_id)


def vm_load_picture(
    texts: Texts,
    samples: Sequence[Sample],
    migrations: Sequence[PastMigration],
    vcpus: int,
    *,
    title: str,
    since: datetime,
    until: datetime,
) -> bytes:
    """The CPUs that a VM kept busy (``Sample.cpu_load``) beside its vCPUs, with its migrations."""
    from bot.rendering.charts import history

    return history.draw_vm(texts, samples, migrations, vcpus, title=title, since=since, until=until)


def capacity_picture(texts: Texts, report: CapacityReport) -> bytes:
    """What was allocated in a cluster over time, and when it is likely to reach the thresholds."""
    from bot.rendering.charts import capacity

    return capacity.draw(texts, report)


def campaign_picture(texts: Texts, campaign: Campaign) -> bytes:
    """A tile for each node of a campaign, in its order: up to 60, those around the node whose turn it is."""
    from bot.rendering.charts import campaign as chart

    return chart.draw(texts, campaign)


def digest_picture(texts: Texts, overload_by_day: Sequence[tuple[date, float]], busiest: Sequence[BusyNode]) -> bytes:
    """Hours of overload by day, if there are at least two days, and the ten busiest nodes."""
    from bot.rendering.charts import digest

    return digest.draw(texts, overload_by_day, busiest)
