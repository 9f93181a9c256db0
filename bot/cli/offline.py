"""`snapshot` writes the live state to a file; `plan` plans from such a file without a panel."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from balancer.formats import codec, neutral
from balancer.formats.reading import FormatError
from balancer.model import Plan, Recent, Snapshot
from balancer.planner import load_strategy, plan
from balancer.policy import BALANCE
from balancer.strategies.alternative import with_alternative
from bot.cli.plan_options import PlanOptions, PlanRequest
from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.app.program import VMBalancer
    from bot.rendering.catalog import Texts

MANY_VMS = 1000


class Planned(NamedTuple):
    """The output, and the planner's own time for the benchmarks."""

    document: str
    stats: str


class _Result(NamedTuple):
    """Computes only the requested form, because each form takes as much time as planning."""

    document: Callable[[], dict[str, Any]]
    lines: Callable[[Texts], list[str]]
    seconds: float


async def save_snapshot(balancer: VMBalancer) -> str:
    """The present state of the panel as JSON, with the policy and the recent events for a replay."""
    snapshot = await balancer.service.observer.observe()
    policy = await balancer.service.planning.policy(snapshot)
    recent = await balancer.store.recent_events.read(policy, balancer.service.clock())
    policies = await balancer.service.planning.policies(snapshot)
    return _json(codec.snapshot_to_dict(snapshot, policy=policy, recent=recent, policies=policies))


def plan_file(path: str, options: PlanOptions, *, language: str | None) -> Planned:
    """Plans a saved snapshot, or an instance of the benchmark's neutral format.

    Args:
        path: a file, or ``-`` for standard input.
        options: of the command line.
        language: of the report; ``None`` = JSON instead of a report.
    Raises:
        ConfigError: the file cannot be read or is no snapshot, or the request does not fit it.
    """
    document = _load(path)
    try:
        if options.request is not None:
            result = _answer(document, options.request, options)
        elif neutral.is_neutral(document):
            result = _plan_neutral(document, options)
        else:
            result = _plan_snapshot(document, options)
    except FormatError as error:
        raise ConfigError([f"{path} is not a snapshot that can be planned: {error}"]) from error
    stats = f"#STATS {json.dumps({'plan_s': round(result.seconds, 6)})}"
    if language is None:
        return Planned(_json(result.document()), stats)
    from bot.rendering.catalog import texts_for

    return Planned("\n".join(result.lines(texts_for(language))), stats)


def _json(document: Any) -> str:
    """JSON in ASCII, so that it can be read back as UTF-8 with every encoding of the terminal."""
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
    """Frees the bytes before it returns, so that a large file is not in memory twice during parsing."""
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    return data.decode("utf-8-sig")


def _answer(document: Any, request: PlanRequest, options: PlanOptions) -> _Result:
    from bot.cli.offline_requests import answer_request

    saved = codec.snapshot_from_dict(document)
    started = time.perf_counter()
    answer = answer_request(request, saved, options)
    return _Result(lambda: answer.document, answer.lines, time.perf_counter() - started)


def _plan_neutral(document: Any, options: PlanOptions) -> _Result:
    case = neutral.read(document)
    document.clear()  # it is large, and no longer needed
    policy = options.apply_to(case.policy)
    _load_strategies({policy.strategy}, case.snapshot)
    started = time.perf_counter()
    new_plan = plan(case.snapshot, policy, case.recent)
    seconds = time.perf_counter() - started

    def written() -> dict[str, Any]:
        moves = neutral.moves_to_dicts(new_plan, case)
        return {"strategy": new_plan.strategy, "moves": moves, **_effort_and_bound(new_plan)}

    return _Result(written, lambda texts: _report([new_plan], texts), seconds)


def _plan_snapshot(document: Any, options: PlanOptions) -> _Result:
    saved = codec.snapshot_from_dict(document)
    document.clear()
    policies = {c.id: options.apply_to(saved.policy_of(c.id)) for c in saved.snapshot.clusters}
    if options.without is not None:
        from bot.cli.offline_requests import away

        away_ids = away(saved.snapshot, options.without)
        policies = {cluster_id: policy.with_exclusions(away_ids, away_ids) for cluster_id, policy in policies.items()}
    _load_strategies({policy.strategy for policy in policies.values()}, saved.snapshot)
    started = time.perf_counter()
    clusters, recent = saved.snapshot.split(), saved.recent or Recent()
    plans = [plan(c, policies[c.clusters[0].id], recent) for c in clusters]
    seconds = time.perf_counter() - started
    # The running program also compares with another strategy. That time is not part of the planner's own time.
    pairs = zip(clusters, plans, strict=True)
    plans = [with_alternative(c, policies[c.clusters[0].id], recent, cluster_plan) for c, cluster_plan in pairs]

    def written() -> dict[str, Any]:
        moves = [{"vm": m.vm_id, "from": m.source_id, "to": m.target_id} for p in plans for m in p.moves]
        return {"moves": moves, "plans": [codec.plan_to_dict(p) for p in plans]}

    return _Result(written, lambda texts: _report(plans, texts), seconds)


def _load_strategies(names: set[str], snapshot: Snapshot) -> None:
    """Imports modules before the clock starts. Most plans of a small cluster do not need NumPy."""
    for name in names:
        if name == BALANCE or len(snapshot.vms) >= MANY_VMS:
            load_strategy(name)


def _report(plans: Sequence[Plan], texts: Texts) -> list[str]:
    from bot.rendering.plain import plan_lines

    return [line for cluster_plan in plans for line in plan_lines(texts, cluster_plan)]


def _effort_and_bound(new_plan: Plan) -> dict[str, Any]:
    """In the form of the plan's own JSON."""
    written = codec.plan_to_dict(new_plan)
    keys = ("effort", "bound", "evenness", "groups", "overloaded_after", "overloaded_after_all")
    return {key: written[key] for key in keys}
