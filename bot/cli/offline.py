"""`snapshot` and `plan`: the live state into a file, and a plan from such a file without any panel."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from balancer.formats import codec, neutral
from balancer.formats.reading import FormatError
from balancer.model import Plan, Recent
from balancer.planner import load_strategy, plan
from balancer.policy import OPTIMIZE_FOR, STRATEGIES, Policy
from balancer.strategies.alternative import with_alternative
from bot.cli.offline_requests import Wish, wished
from bot.errors import ConfigError
from bot.rendering.catalog import Texts
from bot.rendering.plain import plan_lines

if TYPE_CHECKING:
    from bot.app import VMBalancer


class Planned(NamedTuple):
    """What to print, and the planner's own time as the benchmark wants it."""

    document: str
    stats: str


class Asked(NamedTuple):
    """What the command line asks for instead of what the file says; ``None`` = as the file says."""

    strategy: str | None = None
    optimize_for: str | None = None
    limit: int | None = None
    wish: Wish | None = None

    def problems(self) -> list[str]:
        found = []
        if self.limit is not None and self.limit < 0:
            found.append(f"--limit is {self.limit}: a whole number is needed, 0 for no limit")
        if self.strategy is not None and self.strategy not in STRATEGIES:
            found.append(f"--strategy is {self.strategy!r}: {' or '.join(STRATEGIES)} is needed")
        if self.optimize_for is not None and self.optimize_for not in OPTIMIZE_FOR:
            found.append(f"--optimize-for is {self.optimize_for!r}: {' or '.join(OPTIMIZE_FOR)} is needed")
        return found + (self.wish.problems() if self.wish is not None else [])

    def applied(self, policy: Policy) -> Policy:
        return replace(
            policy,
            strategy=self.strategy or policy.strategy,
            optimize_for=self.optimize_for or policy.optimize_for,
            max_moves=policy.max_moves if self.limit is None else self.limit,
        )


async def save_snapshot(balancer: VMBalancer) -> str:
    """What the panel shows now as JSON, with the policy and the recent events that a replay needs."""
    snapshot = await balancer.service.observe()
    policy = await balancer.service.policy(snapshot)
    recent = await balancer.store.recent(policy, balancer.service.clock())
    policies = await balancer.service.policies(snapshot)
    return _json(codec.snapshot_to_dict(snapshot, policy=policy, recent=recent, policies=policies))


def plan_file(
    path: str,
    *,
    strategy: str | None,
    limit: int | None,
    as_json: bool,
    texts: Texts,
    optimize_for: str | None = None,
    wish: Wish | None = None,
) -> Planned:
    """Plans a saved snapshot, or an instance of the benchmark's neutral format.

    Args:
        path: a file, or ``-`` for standard input.
        limit: most moves a cluster; 0 = no limit; ``None``: as the file says, no limit for a neutral one.
    Raises:
        ConfigError: the file cannot be read or is no snapshot, or an argument does not fit.
    """
    asked = Asked(strategy, optimize_for, limit, wish)
    problems = asked.problems()
    if problems:
        raise ConfigError(problems)
    document = _load(path)
    try:
        document_out, lines, seconds = (_planned if wish is None else _wished)(document, asked, texts)
    except FormatError as error:
        raise ConfigError([f"{path} is not a snapshot that can be planned: {error}"]) from error
    return Planned(
        _json(document_out) if as_json else "\n".join(lines), f"#STATS {json.dumps({'plan_s': round(seconds, 6)})}"
    )


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


def _wished(document: Any, asked: Asked, texts: Texts) -> tuple[dict[str, Any], list[str], float]:
    saved = codec.snapshot_from_dict(document)
    started = time.perf_counter()
    made, lines = wished(asked.wish or Wish(), saved, asked.applied, texts)
    return made, lines, time.perf_counter() - started


def _planned(document: Any, asked: Asked, texts: Texts) -> tuple[dict[str, Any], list[str], float]:
    if neutral.is_neutral(document):
        case = neutral.read(document)
        document.clear()  # as large as all that follows, and no longer needed
        policy = asked.applied(case.policy)
        load_strategy(policy.strategy)
        started = time.perf_counter()
        made = plan(case.snapshot, policy, case.recent)
        seconds = time.perf_counter() - started
        moves = neutral.moves_to_dicts(made, case)
        return {"strategy": made.strategy, "moves": moves, **_certified(made)}, plan_lines(texts, made), seconds
    saved = codec.snapshot_from_dict(document)
    document.clear()
    policies = {c.id: asked.applied(saved.policy_of(c.id)) for c in saved.snapshot.clusters}
    for strategy in {policy.strategy for policy in policies.values()}:
        load_strategy(strategy)
    started = time.perf_counter()
    seen, recent = saved.snapshot.split(), saved.recent or Recent()
    plans = [plan(s, policies[s.clusters[0].id], recent) for s in seen]
    seconds = time.perf_counter() - started
    # As the running program does; not the planner's own time.
    pairs = zip(seen, plans, strict=True)
    plans = [with_alternative(s, policies[s.clusters[0].id], recent, made) for s, made in pairs]
    moves = [{"vm": m.vm_id, "from": m.source_id, "to": m.target_id} for p in plans for m in p.moves]
    lines = [line for made in plans for line in plan_lines(texts, made)]
    return {"moves": moves, "plans": [codec.plan_to_dict(p) for p in plans]}, lines, seconds


def _certified(made: Plan) -> dict[str, Any]:
    """The effort of the whole plan and its bound, as a plan's own JSON has them."""
    written = codec.plan_to_dict(made)
    keys = ("effort", "bound", "evenness", "groups", "overloaded_after", "overloaded_after_all")
    return {key: written[key] for key in keys}
