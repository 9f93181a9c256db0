"""`snapshot` and `plan`: the live state into a file, and a plan from such a file without any panel."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from balancer import codec, neutral
from balancer.model import Plan, Recent
from balancer.planner import plan
from balancer.policy import STRATEGIES, Policy
from balancer.reading import FormatError
from bot.errors import ConfigError
from bot.report import plan_lines
from bot.texts import Texts

if TYPE_CHECKING:
    from bot.app import VMBalancer


class Planned(NamedTuple):
    """What to print, and the planner's own time as the benchmark wants it."""

    document: str
    stats: str


async def save_snapshot(balancer: VMBalancer) -> str:
    """What the panel shows now as JSON, with the policy and the recent events that a replay needs."""
    snapshot = await balancer.service.observe()
    policy = await balancer.service.policy(snapshot)
    recent = await balancer.store.recent(policy, balancer.service.clock())
    return _json(codec.snapshot_to_dict(snapshot, policy=policy, recent=recent))


def plan_file(path: str, *, strategy: str | None, limit: int | None, as_json: bool, texts: Texts) -> Planned:
    """Plans a saved snapshot, or an instance of the benchmark's neutral format.

    Args:
        path: a file, or ``-`` for standard input.
        limit: most moves a cluster; 0 = no limit; ``None``: as the file says, no limit for a neutral one.
    Raises:
        ConfigError: the file cannot be read or is no snapshot, or an argument does not fit.
    """
    if limit is not None and limit < 0:
        raise ConfigError([f"--limit is {limit}: a whole number is needed, 0 for no limit"])
    if strategy is not None and strategy not in STRATEGIES:
        raise ConfigError([f"--strategy is {strategy!r}: {' or '.join(STRATEGIES)} is needed"])
    document = _load(path)
    try:
        document_out, plans, seconds = _planned(document, strategy, limit)
    except FormatError as error:
        raise ConfigError([f"{path} is not a snapshot that can be planned: {error}"]) from error
    lines = [line for made in plans for line in plan_lines(texts, made)]
    return Planned(
        _json(document_out) if as_json else "\n".join(lines), f"#STATS {json.dumps({'plan_s': round(seconds, 6)})}"
    )


def _json(document: Any) -> str:
    """In ASCII: what is read back as UTF-8 must not depend on the terminal's encoding."""
    return json.dumps(document, indent=1)


def _load(path: str) -> Any:
    remedy = "name a file made by `vm-balancer snapshot`"
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return json.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError([f"{path} cannot be read ({error.strerror}): {remedy}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path} is not UTF-8: {remedy}"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path} is not JSON ({error}): {remedy}"]) from error


def _planned(document: Any, strategy: str | None, limit: int | None) -> tuple[dict[str, Any], Sequence[Plan], float]:
    if neutral.is_neutral(document):
        case = neutral.read(document, max_moves=limit or 0)
        policy = replace(case.policy, strategy=strategy or case.policy.strategy)
        started = time.perf_counter()
        made = plan(case.snapshot, policy, case.recent)
        seconds = time.perf_counter() - started
        moves = neutral.moves_to_dicts(made, case)
        return {"strategy": made.strategy, "moves": moves}, [made], seconds
    saved = codec.snapshot_from_dict(document)
    policy = saved.policy or Policy()
    policy = replace(
        policy,
        strategy=strategy or policy.strategy,
        max_moves=policy.max_moves if limit is None else limit,
    )
    started = time.perf_counter()
    plans = [plan(s, policy, saved.recent or Recent()) for s in saved.snapshot.split()]
    seconds = time.perf_counter() - started
    moves = [{"vm": m.vm_id, "from": m.source_id, "to": m.target_id} for p in plans for m in p.moves]
    return {"moves": moves, "plans": [codec.plan_to_dict(p) for p in plans]}, plans, seconds
