"""`snapshot` and `plan`: the live state into a file, and a plan from such a file without any panel."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from balancer.formats import codec, neutral
from balancer.formats.reading import FormatError
from balancer.model import Plan, Recent
from balancer.planner import load_strategy, plan
from balancer.policy import Policy
from balancer.strategies.alternative import with_alternative
from bot.cli.offline_requests import PlanRequest, answer_request
from bot.errors import ConfigError
from bot.rendering.catalog import Texts
from bot.rendering.plain import plan_lines

if TYPE_CHECKING:
    from bot.app import VMBalancer


class Planned(NamedTuple):
    """What to print, and the planner's own time as the benchmarks read it."""

    document: str
    stats: str


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the command line asks for; ``None`` = as the file says."""

    strategy: str | None = None
    optimize_for: str | None = None
    limit: int | None = None
    """Maximum moves per cluster, 0 = no limit. Where the file says nothing either, there is none."""
    request: PlanRequest | None = None

    def apply_to(self, policy: Policy) -> Policy:
        return replace(
            policy,
            strategy=self.strategy or policy.strategy,
            optimize_for=self.optimize_for or policy.optimize_for,
            max_moves=policy.max_moves if self.limit is None else self.limit,
        )


class _Result(NamedTuple):
    document: dict[str, Any]
    lines: list[str]
    seconds: float


async def save_snapshot(balancer: VMBalancer) -> str:
    """What the panel shows now as JSON, with the policy and the recent events that a replay needs."""
    snapshot = await balancer.service.observer.observe()
    policy = await balancer.service.planning.policy(snapshot)
    recent = await balancer.store.recent_events.read(policy, balancer.service.clock())
    policies = await balancer.service.planning.policies(snapshot)
    return _json(codec.snapshot_to_dict(snapshot, policy=policy, recent=recent, policies=policies))


def plan_file(path: str, options: PlanOptions, *, as_json: bool, texts: Texts) -> Planned:
    """Plans a saved snapshot, or an instance of the benchmark's neutral format.

    Args:
        path: a file, or ``-`` for standard input.
    Raises:
        ConfigError: the file cannot be read or is no snapshot, or the request does not fit it.
    """
    document = _load(path)
    try:
        if options.request is not None:
            result = _answer(document, options.request, options, texts)
        elif neutral.is_neutral(document):
            result = _plan_neutral(document, options, texts)
        else:
            result = _plan_snapshot(document, options, texts)
    except FormatError as error:
        raise ConfigError([f"{path} is not a snapshot that can be planned: {error}"]) from error
    stats = f"#STATS {json.dumps({'plan_s': round(result.seconds, 6)})}"
    return Planned(_json(result.document) if as_json else "\n".join(result.lines), stats)


def _json(document: Any) -> str:
    """In ASCII: what is read back as UTF-8 must not depend on the terminal's encoding."""
    return json.dumps(document, indent=1)


def _load(path: str) -> Any:
    remedy = "name a file made by `vm-balancer snapshot`"
    try:
        return json.loads(_text(path))
    except OSError as error:
        raise ConfigError([f"{path} cannot be read ({error.strerror}): {remedy}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path} is not UTF-8: {remedy}"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path} is not JSON ({error}): {remedy}"]) from error


def _text(path: str) -> str:
    """The bytes are gone when this returns: a large file should not be in memory twice while it is parsed."""
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    return data.decode("utf-8-sig")


def _answer(document: Any, request: PlanRequest, options: PlanOptions, texts: Texts) -> _Result:
    saved = codec.snapshot_from_dict(document)
    started = time.perf_counter()
    answer, lines = answer_request(request, saved, options.apply_to, texts)
    return _Result(answer, lines, time.perf_counter() - started)


def _plan_neutral(document: Any, options: PlanOptions, texts: Texts) -> _Result:
    case = neutral.read(document)
    document.clear()  # as large as all that follows, and no longer needed
    policy = options.apply_to(case.policy)
    load_strategy(policy.strategy)
    started = time.perf_counter()
    new_plan = plan(case.snapshot, policy, case.recent)
    seconds = time.perf_counter() - started
    moves = neutral.moves_to_dicts(new_plan, case)
    answer = {"strategy": new_plan.strategy, "moves": moves, **_effort_and_bound(new_plan)}
    return _Result(answer, plan_lines(texts, new_plan), seconds)


def _plan_snapshot(document: Any, options: PlanOptions, texts: Texts) -> _Result:
    saved = codec.snapshot_from_dict(document)
    document.clear()
    policies = {c.id: options.apply_to(saved.policy_of(c.id)) for c in saved.snapshot.clusters}
    for strategy in {policy.strategy for policy in policies.values()}:
        load_strategy(strategy)
    started = time.perf_counter()
    clusters, recent = saved.snapshot.split(), saved.recent or Recent()
    plans = [plan(c, policies[c.clusters[0].id], recent) for c in clusters]
    seconds = time.perf_counter() - started
    # The running program compares with another strategy as well. That is not the planner's own time.
    pairs = zip(clusters, plans, strict=True)
    plans = [with_alternative(c, policies[c.clusters[0].id], recent, cluster_plan) for c, cluster_plan in pairs]
    moves = [{"vm": m.vm_id, "from": m.source_id, "to": m.target_id} for p in plans for m in p.moves]
    lines = [line for cluster_plan in plans for line in plan_lines(texts, cluster_plan)]
    return _Result({"moves": moves, "plans": [codec.plan_to_dict(p) for p in plans]}, lines, seconds)


def _effort_and_bound(new_plan: Plan) -> dict[str, Any]:
    """As the plan's own JSON has them."""
    written = codec.plan_to_dict(new_plan)
    keys = ("effort", "bound", "evenness", "groups", "overloaded_after", "overloaded_after_all")
    return {key: written[key] for key in keys}
