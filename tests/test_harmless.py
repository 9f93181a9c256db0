"""The rules of assist mode on plans of every kind: no harmless move is against one of them."""

from __future__ import annotations

from dataclasses import replace

from bot_builders import LOAD, NOW
from hypothesis import given
from hypothesis import strategies as st

from balancer.harmless import RULE_NAMES, Limits, Situation, is_harmless, judge
from balancer.model import VM, Bound, Move, NodeLoad, NodeReport, Plan, Purpose, Reason
from balancer.policy import Policy

NODES = st.integers(1, 6)
REASONS = ("overload-cpu", "overload-cpu", "overload-cpu", "move-make-room")
LOADS = st.sampled_from([NodeLoad(cpu, memory, 5, cpu) for cpu in (3.0, 7.0, 7.5) for memory in (40.0, 70.0, 71.0)])
LIMITS = Limits(max_memory_mib=4096, max_per_day=3, outcomes=5)


@st.composite
def moves(draw: st.DrawFn) -> Move:
    source, target = draw(st.lists(NODES, min_size=2, max_size=2, unique=True))
    cautions = (Reason.of("caution-cpu-passthrough"),) if draw(st.booleans()) and draw(st.booleans()) else ()
    return Move(
        *(draw(st.integers(1, 9)), "vm", source, f"n{source}", target, f"n{target}", 2),
        draw(st.sampled_from((2048, 2048, 4096, 4097))),
        Reason.of(draw(st.sampled_from(REASONS)), value=7.5, limit=7.0),
        *(LOAD, draw(LOADS), LOAD, draw(LOADS)),
        cautions,
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    own = tuple(draw(st.lists(moves(), min_size=1, max_size=4)))
    reports = tuple(NodeReport(i, f"n{i}", LOAD, draw(st.booleans())) for i in range(1, 7))
    bound = draw(st.sampled_from((None, Bound(moves=len(own)), Bound(moves=1), Bound(optimal=True))))
    left = tuple(draw(st.lists(NODES, max_size=1)))
    purpose = draw(st.sampled_from((Purpose.BALANCE, Purpose.BALANCE, Purpose.BALANCE, Purpose.DRAIN)))
    return Plan(1, "c", NOW, "adaptive", reports, own, (), left, bound=bound, purpose=purpose)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    odd = (Reason.of("auto-stopped"),) if draw(st.integers(0, 5)) == 0 else ()
    return Situation(
        draw(st.integers(0, 3)), draw(st.sampled_from((5, 5, 6, 4))), is_open=draw(st.integers(0, 5)) > 0, odd=odd
    )


TAGS = st.sampled_from(((), (), (), ("Ask ",), ("other",)))


@given(plans(), situations(), st.lists(TAGS, min_size=8, max_size=8), st.booleans())
def test_no_harmless_move_is_against_a_rule(
    plan: Plan, situation: Situation, tags: list[tuple[str, ...]], proven: bool
) -> None:
    vms = [VM(i, f"vm-{i}", 1, 1, tags=tags[i - 1]) for i in range(1, 9)]  # VM 9 was not seen
    limits = replace(LIMITS, proven=proven)
    verdicts = judge(plan, vms, Policy(), limits, situation)
    assert [tuple(r.rule for r in verdict) for verdict in verdicts] == [RULE_NAMES] * len(plan.moves)
    asked: set[int] = set()
    started = situation.started
    for move, verdict in zip(plan.moves, verdicts, strict=True):
        ends = {move.source_id, move.target_id}
        if not is_harmless(verdict):
            asked |= ends
            continue
        started += 1
        assert plan.purpose is Purpose.BALANCE and not (situation.odd or move.cautions) and situation.is_open
        assert situation.good >= 5 and started <= 3 and move.memory_mib <= 4096
        assert move.vm_id < 9 and "Ask " not in tags[move.vm_id - 1]
        assert move.target_after.cpu_ratio <= 7.0 and move.target_after.memory_percent <= 70.0
        assert move.source_id not in plan.overloaded_after
        assert not ends & asked and move.reason.code != "move-make-room"


def test_an_empty_verdict_allows_nothing() -> None:
    assert not is_harmless(())
