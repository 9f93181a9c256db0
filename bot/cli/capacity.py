"""`vm-balancer capacity`: the date when each cluster is full, from the samples that the running program stores."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from balancer.requests.capacity import CapacityReport
from bot.cli.arguments import add_settings
from bot.cli.given import leaving_no_trace, log_to, read_settings
from bot.cli.output import OK, print_all
from bot.cli.parsing import Parser, make_parser, understood
from bot.config.clusters_file import check_clusters_file
from bot.config.validation import check_panel, check_ssh
from bot.domain.lookup import matching, nearest
from bot.domain.sanitize import one_line
from bot.errors import ConfigError
from bot.rendering.capacity import capacity_lines
from bot.rendering.catalog import texts_for


def parser() -> Parser:
    parser = make_parser("vm-balancer capacity", "Says when vCPUs or memory of a cluster reach the thresholds.")
    parser.add_argument("cluster", nargs="?", help="name or id of a cluster (default: all)")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    from bot.app.program import VMBalancer

    given, problems = understood(parser(), arguments)
    settings = leaving_no_trace(
        read_settings(given, problems, lambda _settings: [check_panel, check_ssh, check_clusters_file])
    )
    log_to(settings, to_file=False)

    async def work() -> tuple[tuple[CapacityReport, ...], datetime]:
        async with VMBalancer(settings=settings, dry_run=True, exclusive=False) as balancer:
            service = balancer.service
            snapshot = await service.observer.observe()
            clusters = matching(snapshot.clusters, given.cluster) if given.cluster else list(snapshot.clusters)
            if not clusters:
                near = " or ".join(nearest(given.cluster, snapshot.clusters)) or "give the name or the id of a cluster"
                raise ConfigError([f"no cluster is called {given.cluster!r}: {near}"])
            reports = await service.capacity.reports(clusters)
            return tuple([await service.capacity.with_switch_off(report) for report in reports]), service.wall()

    reports, now = asyncio.run(work())
    if given.json:
        print_all(json.dumps([_document(report) for report in reports], indent=1, default=str))
        return OK
    texts = texts_for(settings.bot_language, settings.zone)
    print_all(
        "\n\n".join(
            "\n".join([one_line(report.cluster_name), *(f"  {line}" for line in capacity_lines(texts, report, now))])
            for report in reports
        )
    )
    return OK


def _document(report: CapacityReport) -> dict[str, Any]:
    """The report as JSON; of the samples only the last one."""
    document = asdict(report)
    samples = document.pop("samples")
    return {**document, "now": samples[-1] if samples else None, "since": report.samples[0].at if samples else None}
