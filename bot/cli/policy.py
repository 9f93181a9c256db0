"""`vm-balancer policy diff`: the effect of a new CLUSTERS_FILE or setting, now and in the recorded checks."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancer.model import Cluster
from balancer.policy import Policy
from bot.cli.arguments import OPTIONS, add_settings, settings_of
from bot.cli.output import OK, print_all
from bot.cli.parsing import Parser, make_parser, understood, whole_number
from bot.cli.tried_settings import TRIED, assignments, no_checks, recorded_checks, with_assignments
from bot.config.clusters_file import ClustersFile, load_clusters_file
from bot.config.loading import load_settings
from bot.config.settings import env_name
from bot.domain.times import local

if TYPE_CHECKING:
    from bot.rendering.catalog import Texts
    from bot.service.replays import Record

DEFAULT_DAYS = "30"
_NAMES = {of_policy: env_name(setting) for setting, of_policy in TRIED.items()}


def parser() -> Parser:
    parser = make_parser(
        "vm-balancer policy",
        "Says what a new CLUSTERS_FILE or setting would change: in the policies, in the plan of the last check, and in "
        "the recorded checks. It changes nothing.",
    )
    parser.add_argument("deed", choices=("diff",))
    parser.add_argument("file", nargs="?", metavar="NEW", help="the new CLUSTERS_FILE; without it the present one")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another value of a setting")
    parser.add_argument("--days", default=DEFAULT_DAYS, metavar="DAYS", help="the last so many days (default: 30)")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    days = whole_number("--days", given.days, problems)
    changed = assignments(given.set, problems)
    settings = load_settings(settings_of(given), given.config, options=OPTIONS, checks=no_checks, problems=problems)
    before, after = (
        _Policies.of(settings.policy(), settings.clusters_file),
        _Policies.of(
            with_assignments(changed, given).policy() if changed else settings.policy(),
            Path(given.file) if given.file else settings.clusters_file,
        ),
    )
    record = recorded_checks(settings, days or 1)
    from bot.rendering.catalog import texts_for

    texts = texts_for(settings.bot_language, settings.zone)
    print_all("\n".join(_lines(texts, record, before, after, given)))
    return OK


class _Policies:
    """The policies that settings and a CLUSTERS_FILE give."""

    def __init__(self, general: Policy, clusters: ClustersFile) -> None:
        self._general = general
        self._clusters = clusters

    @staticmethod
    def of(general: Policy, path: Path | None) -> _Policies:
        return _Policies(general, load_clusters_file(path))

    def values(self, cluster: Cluster) -> dict[str, Any]:
        """Field of the policy -> value, for all fields that settings or the file decide."""
        policy = self._clusters.policy_for(cluster, self._general)
        return {field: getattr(policy, field) for field in (*TRIED.values(), "rules")}

    def window(self, cluster: Cluster) -> str:
        return self._clusters.window_of(cluster.id, cluster.name, "")


def _lines(
    texts: Texts, record: Record, before: _Policies, after: _Policies, given: argparse.Namespace
) -> Iterable[str]:
    from balancer.replay.simulation import Variant
    from bot.rendering.plain import plan_lines
    from bot.rendering.replays import replay_lines
    from bot.service.cluster_plans import plans_of
    from bot.service.replays import checks_of, run_replays

    *_, last = checks_of(record)
    clusters = last.snapshot.clusters
    changes = [line for c in clusters for line in _changes(texts, c, before, after)]
    if not changes:
        return [texts.text("policy-same")]
    old, new = (
        replace(last, policies={c.id: replace(last.policies[c.id], **side.values(c)) for c in clusters})
        for side in (before, after)
    )
    lines = [
        *changes,
        "",
        texts.text("policy-now", at=local(last.snapshot.taken_at, texts.zone).strftime("%Y-%m-%d %H:%M")),
    ]
    for was, becomes in zip(plans_of(old, compare=False), plans_of(new, compare=False), strict=True):
        if was.moves == becomes.moves and was.overloaded == becomes.overloaded:
            lines.append(texts.text("policy-same-plan", cluster=was.cluster_name))
        else:
            lines += [texts.text("policy-before"), *plan_lines(texts, was)]
            lines += [texts.text("policy-after"), *plan_lines(texts, becomes)]
    sides = [Variant(of_clusters={c.id: side.values(c) for c in clusters}) for side in (before, after)]
    labels = [texts.text("policy-label-before"), texts.text("policy-label-after")]
    outcomes = run_replays(record, sides, texts.zone)
    return [*lines, "", *replay_lines(texts, labels, outcomes, given.set)]


def _changes(texts: Texts, cluster: Cluster, before: _Policies, after: _Policies) -> list[str]:
    """One line for each value and rule that differs."""
    old, new = before.values(cluster), after.values(cluster)
    lines = [
        texts.text("policy-value", cluster=cluster.name, name=_NAMES[field], old=str(old[field]), new=str(new[field]))
        for field in dict.fromkeys(TRIED.values())
        if old[field] != new[field]
    ]
    for key, these, those in (("policy-rule-gone", old, new), ("policy-rule-new", new, old)):
        lines += [
            texts.text(key, cluster=cluster.name, rule=rule.name, kind=rule.kind)
            for rule in these["rules"]
            if rule not in those["rules"]
        ]
    if before.window(cluster) != after.window(cluster):
        was, becomes = before.window(cluster) or "-", after.window(cluster) or "-"
        lines.append(texts.text("policy-value", cluster=cluster.name, name="MIGRATION_WINDOW", old=was, new=becomes))
    return lines
