"""The messages of the chat, without a chat: every state, both languages, hostile names, Telegram's limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from core_builders import node, snapshot, vm
from rich.cells import cell_len

from balancer.model import Reason
from balancer.planner import plan
from balancer.policy import Policy
from bot.domain.exclusions import Exclusion, ExclusionRole
from bot.domain.proposals import (
    POLICY_ACTOR,
    Actor,
    ActorKind,
    DecisionResult,
    Migration,
    MigrationState,
    MoveState,
    Proposal,
    ProposedMove,
    Verdict,
)
from bot.rendering.catalog import Texts, texts_for
from bot.rendering.phrases import popup
from bot.service.values import Status
from bot.telegram.keyboards.callbacks import PAGE_PREFIX
from bot.telegram.views.nodes import nodes_view
from bot.telegram.views.notices import ending_notice
from bot.telegram.views.proposals import plan_view, proposal_view
from bot.telegram.views.status import status_view
from bot.telegram.views.view import View
from bot.telegram.views.wording import TABLE_WIDTH, duration, node_table
from sandbox.chat.html import parse_html

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc)
ANNA = Actor(ActorKind.TELEGRAM, "Anna <i>&", 1001)
HOSTILE = "<b>名前" + "x" * 80 + "</b>&\u202e\x1b[31m\n" + "\N{PILE OF POO}"
LANGUAGES = ("en", "ru")
PHONE_LINE = 37
"""Characters of a line of a message on a phone 390 px wide."""


def proposal(moves: int = 7, name: str = "vm") -> Proposal:
    """A hot node full of small VMs, and one cool node: as many moves as asked for, all pending."""
    nodes = [node(1, name=f"{name}-hot", vcpus_allocated=max(79, 71 + moves)), node(2, name=f"{name}-cool", cpus=100)]
    vms = [vm(10 + i, name=f"{name}-{i}", vcpus=1, memory_mib=10) for i in range(moves)]
    new_plan = plan(snapshot(nodes, vms), Policy(max_moves=moves))
    assert len(new_plan.moves) == moves
    proposed = tuple(ProposedMove(100 + i, i, m, MoveState.PENDING) for i, m in enumerate(new_plan.moves))
    return Proposal(5, 1, False, NOW, NOW + timedelta(hours=1), new_plan, proposed)


def with_migration(state: MigrationState, reason: Reason | None = None, error: str | None = None) -> Proposal:
    base = proposal(1)
    first = base.moves[0]
    ended = NOW + timedelta(seconds=43) if state is not MigrationState.RUNNING else None
    migration = Migration(1, first.id, base.id, 1, first.move, state, NOW, NOW, ended, 7, 8, None, reason, error)
    decided = replace(first, state=MoveState.APPROVED, decided_by=ANNA, decided_at=NOW, migration=migration)
    return replace(base, moves=(decided,))


def checked(view: View) -> str:
    """The plain text, after Telegram's own reading of the markup, within Telegram's limits."""
    text, _entities = parse_html(str(view.text))
    assert 0 < len(text.encode("utf-16-le")) // 2 <= 4096
    rows = view.keyboard.inline_keyboard if view.keyboard else []
    for button in (b for row in rows for b in row):
        assert button.callback_data and len(button.callback_data.encode()) <= 64
        assert 0 < len(button.text) <= 24
    assert "\x1b" not in text and "\u202e" not in text
    return text


@pytest.mark.parametrize("language", LANGUAGES)
def test_long_plans_are_paged(language: str) -> None:
    texts = texts_for(language)
    first, second = (proposal_view(texts, proposal(7), NOW, page) for page in (0, 1))
    assert "5. vm-4" in checked(first) and "6. vm-5" not in checked(first)
    assert "6. vm-5" in checked(second) and "1. vm-0" not in checked(second)
    assert checked(proposal_view(texts, proposal(7), NOW, 99)) == checked(second), "a page too far is the last"
    data = [b.callback_data for row in first.keyboard.inline_keyboard for b in row]  # type: ignore[union-attr]
    assert data == [
        "d:approve-all:5:0:",
        "d:skip-all:5:0:",
        *(f"d:{verdict}-move:{100 + i}:0:" for i in range(5) for verdict in ("approve", "skip")),
        "d:turn:5:1:",
        "d:details:5:0:",
        "d:more:5:0:",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_five_moves_fit_ten_lines_and_700_characters_before_the_fold(language: str) -> None:
    view = proposal_view(texts_for(language), proposal(5, "production-web"), NOW)
    shown, _ = parse_html(str(view.text).partition("<blockquote")[0])
    assert len(shown) <= 700 and len(shown.splitlines()) <= 10
    whole, _ = parse_html(str(view.text))
    assert len(whole.encode("utf-16-le")) // 2 <= 1024, "Telegram takes no more under a picture"
    headline = shown.splitlines()[0]
    assert headline.startswith("⚠️") and "production-web-hot" in headline and "7" in headline
    assert view.keyboard is not None and "approve-all" in str(view.keyboard.inline_keyboard[0][0].callback_data)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_button_of_a_proposal_opens_a_page(language: str) -> None:
    """Else a page could replace the proposal."""
    for state in MoveState:
        base = proposal(7)
        view = proposal_view(
            texts_for(language), replace(base, moves=(replace(base.moves[0], state=state), *base.moves[1:])), NOW
        )
        for row in view.keyboard.inline_keyboard if view.keyboard else []:
            assert not [b for b in row if (b.callback_data or "").startswith(PAGE_PREFIX)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", [MoveState.EXPIRED, MoveState.SUPERSEDED, MoveState.SKIPPED, MoveState.WITHDRAWN])
def test_a_closed_proposal_is_two_lines(language: str, state: MoveState) -> None:
    base = proposal(3)
    decided_by = ANNA if state is MoveState.SKIPPED else None
    moves = tuple(replace(m, state=state, decided_by=decided_by, decided_at=NOW) for m in base.moves)
    closed = replace(
        base, moves=moves, closed_reason=Reason.of("newer-plan") if state is MoveState.SUPERSEDED else None
    )
    shown = checked(proposal_view(texts_for(language), closed, NOW))
    assert len(shown.splitlines()) == 2 and "1. vm-0, 2. vm-1, 3. vm-2" in shown


@pytest.mark.parametrize(
    ("state", "sign"),
    [
        (MigrationState.RUNNING, "▶️"),
        (MigrationState.SUCCEEDED, "⏳"),
        (MigrationState.FAILED, "❌"),
        (MigrationState.UNKNOWN, "❌"),
    ],
)
def test_headline_shows_the_state(state: MigrationState, sign: str) -> None:
    shown = checked(proposal_view(texts_for("en"), with_migration(state), NOW + timedelta(seconds=43)))
    assert shown.startswith(sign)
    if state is MigrationState.SUCCEEDED:
        assert "hot CPU 7.9 → 7.8, still overloaded (1 move in 43\u00a0s)" in shown.splitlines()[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_stay_names(language: str) -> None:
    texts = texts_for(language)
    shown = checked(proposal_view(texts, proposal(5, HOSTILE), NOW))
    assert "<b>名前" in shown
    checked(plan_view(texts, proposal(9, HOSTILE).plan))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", list(MoveState))
def test_every_state_of_a_move_is_worded(language: str, state: MoveState) -> None:
    base = proposal(2)
    by = ANNA if state in (MoveState.APPROVED, MoveState.SKIPPED) else None
    moves = tuple(replace(m, state=state, decided_by=by, decided_at=NOW if by else None) for m in base.moves)
    view = proposal_view(texts_for(language), replace(base, moves=moves), NOW)
    shown = checked(view)
    assert (view.keyboard is not None) == (state is MoveState.PENDING)
    assert ("Anna <i>&" in shown) == (by is not None)
    assert view.final == (state is not MoveState.PENDING)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", list(MigrationState))
def test_every_state_of_a_migration_is_worded(language: str, state: MigrationState) -> None:
    texts = texts_for(language)
    reason = Reason.of("not-arrived") if state not in (MigrationState.SUCCEEDED, MigrationState.RUNNING) else None
    base = with_migration(state, reason, "qemu: <no>" if state is MigrationState.FAILED else None)
    shown = checked(proposal_view(texts, base, NOW + timedelta(seconds=43)))
    if state in (MigrationState.SUCCEEDED, MigrationState.RUNNING):
        assert duration(texts, timedelta(seconds=43)) in shown
    if state is MigrationState.FAILED:
        assert "qemu: <no>" in shown and texts.reason(Reason.of("not-arrived")) in shown
    if state in (MigrationState.FAILED, MigrationState.UNKNOWN, MigrationState.SUCCEEDED):
        assert base.moves[0].migration
        assert "vm-0" in checked(View(ending_notice(texts, base.moves[0].migration)))


def test_automatic_proposal_states_that_no_person_was_asked() -> None:
    base = with_migration(MigrationState.SUCCEEDED)
    done = replace(base, automatic=True, moves=(replace(base.moves[0], decided_by=POLICY_ACTOR),))
    assert "🤖 automatic" in checked(proposal_view(texts_for("en"), done, NOW))


@pytest.mark.parametrize("name", ["n", "名前" * 20, "x" * 80, "\N{PILE OF POO}" * 30, HOSTILE])
def test_no_line_of_a_table_is_wider_than_a_phone(name: str) -> None:
    reports = plan(
        snapshot([node(1, name=name, vcpus_allocated=99999), node(2, name=name, cpus=None)], []), Policy()
    ).nodes
    for language in LANGUAGES:
        text, _ = parse_html(str(node_table(texts_for(language), reports)))
        assert len(text.splitlines()) == 3
        for line in text.splitlines():
            assert cell_len(line) <= TABLE_WIDTH, line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (43, "43 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (660, "11 min"),
        (7200, "2 h"),
        (7500, "2 h 5 min"),
        (172800, "2 d"),
        (180000, "2 d 2 h"),
    ],
)
def test_durations_have_two_units_at_most(seconds: int, text: str) -> None:
    assert duration(texts_for("en"), timedelta(seconds=seconds)).replace("\u00a0", " ") == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_popups_fit_with_any_names(language: str) -> None:
    texts = texts_for(language)
    base = proposal(2, HOSTILE)
    late = NOW + timedelta(minutes=3)
    decided = replace(base.moves[0], state=MoveState.APPROVED, decided_by=replace(ANNA, name="N" * 99), decided_at=NOW)
    cases: list[tuple[list[DecisionResult], Verdict]] = [
        ([DecisionResult(base.moves[0], True)], Verdict.APPROVE),
        ([DecisionResult(base.moves[0], True)], Verdict.SKIP),
        ([DecisionResult(m, True) for m in base.moves], Verdict.APPROVE),
        ([DecisionResult(decided, False)], Verdict.SKIP),
        ([], Verdict.APPROVE),
        *([[DecisionResult(replace(base.moves[0], state=s), False)], Verdict.SKIP] for s in MoveState),  # type: ignore[list-item]
    ]
    for results, verdict in cases:
        words = popup(texts, results, verdict, late, timedelta(hours=6))
        assert 0 < len(words) <= 200
    assert duration(texts, timedelta(minutes=3)) in popup(
        texts, [DecisionResult(decided, False)], Verdict.SKIP, late, timedelta(hours=6)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_age_of_the_data_and_the_next_check_fit_one_line_of_a_phone(language: str) -> None:
    for seconds in (0, 9, 59, 89, 119, 585, 3599):
        length = timedelta(seconds=seconds)
        status = Status(NOW - length, (), "approve", None, (), (), (), None)
        shown = checked(status_view(texts_for(language), status, NOW, next_check=NOW + length, dry_run=False))
        line = next(line for line in shown.splitlines() if " · " in line and "Balancer" not in line)
        assert len(line) <= PHONE_LINE, line


@pytest.mark.parametrize("language", LANGUAGES)
def test_status_is_complete_and_fits(language: str) -> None:
    texts = texts_for(language)
    base = with_migration(MigrationState.RUNNING)
    exclusion = Exclusion(2, HOSTILE, ExclusionRole.TARGET, NOW + timedelta(hours=2), ANNA, NOW)
    status = Status(
        taken_at=NOW,
        plans=tuple(proposal(1, f"{HOSTILE}{i}").plan for i in range(20)),
        mode="approve",
        paused_until=NOW + timedelta(hours=1),
        waiting=(proposal(3),),
        running=tuple(m.migration for m in base.moves if m.migration),
        exclusions=(exclusion,),
        problem="HTTP 503 <html>",
    )
    shown = checked(
        status_view(texts, status, NOW + timedelta(seconds=12), next_check=NOW + timedelta(minutes=5), dry_run=True)
    )
    for expected in (duration(texts, timedelta(seconds=12)), "HTTP 503 <html>"):
        assert expected in shown
    calm = replace(status, plans=status.plans[:1], paused_until=None, problem=None)
    shown = checked(status_view(texts, calm, NOW, next_check=NOW + timedelta(minutes=5), dry_run=False))
    assert "10:35" in shown and "/proposals" in shown and "vm-0" in shown
    empty = replace(status, taken_at=None, plans=())
    checked(status_view(texts, empty, NOW, next_check=None, dry_run=False))


def test_status_lists_what_runs_and_counts_what_waits_to_start() -> None:
    running = [with_migration(s).moves[0].migration for s in (MigrationState.RUNNING, *[MigrationState.QUEUED] * 5)]
    status = Status(NOW, (), "approve", None, (), tuple(m for m in running if m), (), None)
    shown = checked(status_view(texts_for("en"), status, NOW, next_check=None, dry_run=False))
    assert "Being moved: 1\n" in shown and "Waiting to start: 5" in shown and shown.count("vm-0") == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_many_large_clusters_the_status_shows_the_overloaded_ones(language: str) -> None:
    texts = texts_for(language)
    calm = [node(i, name=f"n{i}", vcpus_allocated=10) for i in range(1, 26)]
    hot = [*calm[1:], node(1, name="hot", vcpus_allocated=400)]
    plans = [plan(snapshot(calm, []), Policy())] * 19 + [plan(snapshot(hot, []), Policy())]
    waiting = (proposal(3),)
    status = Status(NOW, tuple(plans), "approve", None, waiting, (), (), None)
    shown = checked(status_view(texts, status, NOW, next_check=NOW + timedelta(minutes=5), dry_run=False))
    assert "hot" in shown and "/proposals" in shown
    assert texts.text("status-more-clusters", count=20 - shown.count("n6 ")) in shown


def test_most_loaded_nodes_come_first_and_large_clusters_are_paged() -> None:
    texts: Texts = texts_for("en")
    nodes = [node(i, name=f"n{i}", vcpus_allocated=10 + i) for i in range(1, 46)]
    new_plan = plan(snapshot(nodes, []), Policy())
    first = nodes_view(texts, new_plan, 0)
    rows = checked(first).splitlines()
    assert rows[2].split()[-4].startswith("n45") or "n45" in rows[2]
    assert "n25" not in checked(first) and "n25" in checked(nodes_view(texts, new_plan, 1))
    data = [b.callback_data for row in first.keyboard.inline_keyboard for b in row]  # type: ignore[union-attr]
    assert data[0] == "g:node:45:0:" and data[-2:] == ["g:nodes:1:1:", "g:status:1:0:"]
