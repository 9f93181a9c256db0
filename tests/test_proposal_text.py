"""A proposal's text: short, always accepted as a caption, and without pages to turn."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiogram.types import RichTextBold
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from test_views import ANNA, HOSTILE, LANGUAGES, NOW, proposal

from balancer.model import Reason, Rejection
from bot.domain.incidents import Incident, Looking, NodeFigure, PlanChange, Resource
from bot.domain.proposals import Actor, ActorKind, Migration, MigrationState, MoveState, Proposal, ProposedMove
from bot.rendering.catalog import texts_for
from bot.telegram.keyboards.buttons import fits_phone
from bot.telegram.keyboards.proposals import shown_moves
from bot.telegram.views.proposal_lines import Ahead
from bot.telegram.views.proposals import proposal_view
from bot.telegram.views.rich_proposals import rich_proposal
from bot.telegram.views.rich_text import rich_text
from sandbox.chat.html import parse_html
from sandbox.chat.rich import rich_message

NAMES = st.one_of(
    st.sampled_from(["web-1", HOSTILE, "\N{PILE OF POO}" * 70, "&" * 90, "x" * 300, "<a href='tg://user?id=1'>", ""]),
    st.text(max_size=120),
)
CAUTIONS = st.lists(
    st.builds(lambda text: Reason.of("caution-off-pin", rule=text, vm=text, node=text), st.text(max_size=500)),
    max_size=3,
)


def started(proposed: ProposedMove, state: MigrationState, error: str | None) -> ProposedMove:
    ended = None if state in (MigrationState.QUEUED, MigrationState.RUNNING) else NOW + timedelta(seconds=43)
    migration = Migration(
        *(proposed.id, proposed.id, 5, 1, proposed.move, state, NOW, NOW, ended, 7, 8),
        NOW + timedelta(hours=30) if state is MigrationState.QUEUED else None,
        Reason.of("not-arrived"),
        error,
    )
    return replace(proposed, state=MoveState.APPROVED, decided_by=ANNA, decided_at=NOW, migration=migration)


@st.composite
def proposals(draw: st.DrawFn) -> Proposal:
    base = proposal(draw(st.integers(1, 12)), draw(NAMES))
    moves = []
    for proposed in base.moves:
        cautions = tuple(draw(CAUTIONS))
        move = replace(proposed.move, vm_name=draw(NAMES), target_name=draw(NAMES), cautions=cautions)
        proposed = replace(proposed, move=move)
        if draw(st.booleans()):
            state = draw(st.sampled_from(MigrationState))
            proposed = started(proposed, state, draw(st.none() | st.text(max_size=2000)))
        moves.append(proposed)
    return replace(base, moves=tuple(moves))


CHANGES = st.one_of(
    st.builds(lambda vm, other: Reason.of("plan-other-vm", vm=vm, instead=other), NAMES, NAMES),
    st.builds(lambda vm, a, b: Reason.of("plan-other-target", vm=vm, target=a, instead=b), NAMES, NAMES, NAMES),
    st.just(Reason.of("plan-other-count", count=2, before=3)),
)
FIGURES = st.lists(
    st.builds(
        NodeFigure,
        node_id=st.integers(1, 9),
        node_name=NAMES,
        resource=st.sampled_from(Resource),
        limit=st.just(7.0),
        before=st.floats(7, 900),
        after=st.none() | st.floats(0, 900),
        overloaded=st.booleans(),
    ),
    max_size=4,
).map(tuple)


@st.composite
def incidents(draw: st.DrawFn) -> Incident:
    """Changed or not, looked into or not, open or over."""
    looking = Looking(Actor(ActorKind.TELEGRAM, draw(NAMES), 7), NOW + timedelta(hours=draw(st.integers(-1, 30))))
    ended = draw(st.none() | st.just(NOW))
    return Incident(
        id=3,
        cluster_id=1,
        cluster_name=draw(NAMES),
        opened_at=NOW - timedelta(hours=draw(st.integers(0, 50))),
        ended_at=ended,
        nodes=draw(FIGURES),
        waits_since=NOW,
        change=draw(st.none() | st.builds(PlanChange, at=st.just(NOW), reason=CHANGES)),
        looking=draw(st.none() | st.just(looking)),
        end_reason=draw(st.none() | st.just(Reason.of("cluster-not-checked"))) if ended else None,
    )


@st.composite
def aheads(draw: st.DrawFn) -> Ahead:
    """With and without an incident, with moves that were made before the proposal."""
    earlier = tuple(started(m, MigrationState.SUCCEEDED, None) for m in draw(proposals()).moves)
    incident = draw(st.none() | incidents())
    undoable, opens_at = draw(st.frozensets(st.integers(100, 111))), draw(st.none() | st.just(NOW + timedelta(hours=3)))
    return Ahead(undoable, opens_at, incident, earlier if incident is not None else ())


@given(case=proposals(), page=st.integers(0, 5), language=st.sampled_from(LANGUAGES), ahead=aheads())
def test_every_page_is_a_caption_that_telegram_takes(case: Proposal, page: int, language: str, ahead: Ahead) -> None:
    view = proposal_view(texts_for(language), case, NOW + timedelta(minutes=1), page, ahead)
    text, _entities = parse_html(str(view.text))
    assert 0 < len(text.encode("utf-16-le", "surrogatepass")) // 2 <= 1024
    assert "\x1b" not in text and "\u202e" not in text
    if not case.settled:
        assert text[0] in "⚠▶✅❌🔁⌛⏹⏳", "the first line says how things stand"
    for row in view.keyboard.inline_keyboard if view.keyboard else []:
        assert all(0 < len(button.text) <= 40 and len((button.callback_data or "").encode()) <= 64 for button in row)


@pytest.mark.parametrize("language", LANGUAGES)
def test_long_names_leave_every_move_of_the_page_readable(language: str) -> None:
    base = proposal(5, "\N{PILE OF POO}" * 60)
    text, _ = parse_html(str(proposal_view(texts_for(language), base, NOW).text))
    assert all(f"{number}. \N{PILE OF POO}" in text for number in range(1, 6))


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_of_an_incident_leave_every_move_of_the_page_readable(language: str) -> None:
    poo = "\N{PILE OF POO}" * 60
    change = PlanChange(NOW, Reason.of("plan-other-target", vm=poo, target=poo, instead=poo))
    looking = Looking(Actor(ActorKind.TELEGRAM, poo, 7), NOW + timedelta(hours=1))
    incident = Incident(3, 1, poo, NOW, None, (), NOW, change=change, looking=looking)
    base = proposal(5, poo)
    earlier = tuple(started(m, MigrationState.SUCCEEDED, None) for m in base.moves)
    text, _ = parse_html(
        str(proposal_view(texts_for(language), base, NOW, 0, Ahead(incident=incident, earlier=earlier)).text)
    )
    assert all(f"{number}. \N{PILE OF POO}" in text for number in range(1, 6)) and "👀" in text and "🔁" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_end_of_an_incident_names_every_move_it_lists_however_long_the_names_are(language: str) -> None:
    poo = "\N{PILE OF POO}" * 60
    base = proposal(5, poo)
    moved = tuple(started(m, MigrationState.SUCCEEDED, None) for m in base.moves)
    node = NodeFigure(1, poo, Resource.CPU, 7.0, 7.9, 6.9, False)
    incident = Incident(3, 1, poo, NOW - timedelta(hours=2), NOW, (node,), NOW)
    text, _ = parse_html(
        str(proposal_view(texts_for(language), replace(base, moves=moved), NOW, 0, Ahead(incident=incident)).text)
    )
    first, second = text.split("\n")
    assert first.startswith("✅") and "7" in first and second.count(" → ") == 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_move_back_of_an_earlier_move_stays_when_the_next_plan_is_skipped(language: str) -> None:
    base = proposal(2)
    earlier = (replace(started(base.moves[0], MigrationState.SUCCEEDED, None), id=50),)
    skipped = replace(base.moves[1], state=MoveState.SKIPPED, decided_by=ANNA, decided_at=NOW)
    incident = Incident(3, 1, "c1", NOW, None, (), NOW)
    migration = earlier[0].migration
    assert migration is not None
    ahead = Ahead(frozenset({migration.id}), incident=incident, earlier=earlier)
    over = replace(base, moves=(skipped,))
    view = proposal_view(texts_for(language), over, NOW, 0, ahead)
    assert view.keyboard is not None
    assert [b.callback_data for row in view.keyboard.inline_keyboard for b in row] == [f"d:undo:{migration.id}:0:"]
    rich = rich_proposal(texts_for(language), over, NOW, 0, ahead)
    assert f"d:undo:{migration.id}:0:" in rich.model_dump_json()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_lines_of_moves_name_the_source_only_if_the_headline_does_not(language: str) -> None:
    texts, base = texts_for(language), proposal(3)
    assert "vm-hot → " not in parse_html(str(proposal_view(texts, base, NOW).text))[0]
    running = replace(base, moves=(started(base.moves[0], MigrationState.RUNNING, None), *base.moves[1:]))
    elsewhere = replace(running.moves[1], move=replace(running.moves[1].move, source_id=9, source_name="other"))
    several = replace(running, moves=(running.moves[0], elsewhere, running.moves[2]))
    assert "other → " in parse_html(str(proposal_view(texts, several, NOW).text))[0]


def test_pages_whose_moves_are_decided_give_way_to_the_next_with_moves_that_wait() -> None:
    moves = proposal(12).moves
    assert shown_moves(moves, 0, 5)[1:] == (0, 3, None, 1)
    first_decided = tuple(replace(m, state=MoveState.SKIPPED) if m.position < 5 else m for m in moves)
    assert shown_moves(first_decided, 0, 5)[1:] == (5, 3, None, 2)
    only_first_waits = tuple(replace(m, state=MoveState.SKIPPED) if m.position else m for m in moves)
    assert shown_moves(only_first_waits, 2, 5)[1:] == (0, 3, None, None)
    all_decided = tuple(replace(m, state=MoveState.SKIPPED) for m in moves)
    assert shown_moves(all_decided, 1, 5)[1:] == (5, 3, 0, 2)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.of("overload-cpu", value=7.69, limit=7.0), "CPU 7.7 (limit 7)"),
        (Reason.of("overload-cpu", value=7.04, limit=7.0), "CPU 7.04 (limit 7)"),
        (Reason.of("overload-memory", value=91.26, limit=85.0), "memory 91 % (limit 85 %)"),
        (Reason.of("overload-load", value=0.912, limit=0.8), "load 0.91 per CPU (limit 0.8)"),
    ],
)
def test_the_headline_shows_a_figure_that_differs_from_its_limit(reason: Reason, words: str) -> None:
    assert texts_for("en").reason(reason).replace("\u00a0", " ") == words


@given(case=proposals(), page=st.integers(0, 2), language=st.sampled_from(LANGUAGES), ahead=aheads())
def test_every_rich_page_is_taken_by_a_strict_server(case: Proposal, page: int, language: str, ahead: Ahead) -> None:
    rich = rich_proposal(texts_for(language), case, NOW + timedelta(minutes=1), page, ahead)
    message = json.loads(rich.model_dump_json(exclude_none=True))
    words, _ = rich_message(message, lambda _media: {}, NOW.timestamp())
    assert "\x1b" not in words and "\u202e" not in words and "<tg-time" not in words


@pytest.mark.parametrize("line", [HOSTILE, "<b>x</b>", "a & b", "<tg-time unix='x'>", "&lt;b&gt;", "x" * 5000])
def test_names_never_become_markup_in_a_rich_message(line: str) -> None:
    assert rich_text(line) == line
    assert rich_text(Markup("<b>{}</b>").format(line)) == RichTextBold(text=line)


@pytest.mark.parametrize(
    ("language", "name", "label"),
    [
        ("en", "w", "✅ Approve 1 w-0"),
        ("en", "production-web", "✅ 1 produ…web-0"),
        ("ru", "web", "✅ 1 web-0"),
    ],
)
def test_button_has_the_verb_where_it_fits_beside_every_name(language: str, name: str, label: str) -> None:
    keyboard = proposal_view(texts_for(language), proposal(3, name), NOW).keyboard
    assert keyboard is not None and keyboard.inline_keyboard[1][0].text == label
    alone = proposal_view(texts_for(language), proposal(1, name), NOW).keyboard
    assert alone is not None and len(alone.inline_keyboard[0]) == 1 and f"{name}-0" in alone.inline_keyboard[0][0].text


@pytest.mark.parametrize("language", LANGUAGES)
def test_rows_of_several_moves_fit_a_phone_and_shorten_long_names_differently(language: str) -> None:
    keyboard = proposal_view(texts_for(language), proposal(5, "production-web"), NOW).keyboard
    assert keyboard is not None
    rows = keyboard.inline_keyboard[:6]
    assert all(fits_phone(row) for row in rows), [[b.text for b in row] for row in rows]
    assert len({row[0].text.split(maxsplit=2)[2] for row in rows[1:]}) == 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_node_that_the_moves_leave_overloaded_is_named_with_the_reason(language: str) -> None:
    texts, base = texts_for(language), proposal(2)
    reason = Reason.of("source-not-enough", moved=2)

    def shown(**changes: object) -> str:
        changed = replace(base, plan=replace(base.plan, **changes))  # type: ignore[arg-type]
        return parse_html(str(proposal_view(texts, changed, NOW).text))[0].split("1. ")[0]

    stuck = Rejection("source", 1, "vm-hot", reason)
    later = Rejection("source", 1, "vm-hot", Reason.of("source-budget", limit=1))
    none = shown(overloaded_after=(), rejections=(), overloaded_after_all=None)
    assert "⏳" not in none and none.count("⚠️") == 1
    assert texts.reason(reason) in shown(overloaded_after=(1,), rejections=(stuck,), overloaded_after_all=None)
    for changes in (
        {"overloaded_after": (1,), "rejections": (later,), "overloaded_after_all": None},
        {"overloaded_after": (1,), "rejections": (stuck,), "overloaded_after_all": ()},
    ):
        words = shown(**changes)
        assert "⏳" in words and words.count("⚠️") == 1


def told(blocks: list[dict[str, Any]]) -> str:
    """What a rich message shows unfolded, without the labels of buttons: one line a paragraph."""

    def text(part: Any) -> str:
        if isinstance(part, list):
            return "".join(map(text, part))
        return part if isinstance(part, str) else text(part["text"])

    return "\n".join(
        text(block["summary"] if block["type"] == "details" else block["text"])
        for block in blocks
        if block["type"] in ("paragraph", "details")
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("changed", [False, True])
def test_five_moves_fit_700_characters_in_both_forms(language: str, changed: bool) -> None:
    """With real names, with what changed and who looks into it, and before the fold."""
    texts, base = texts_for(language), proposal(5, "production-web")
    change = PlanChange(NOW, Reason.of("plan-other-target", vm="production-web-3", target="alder", instead="birch"))
    looking = Looking(Actor(ActorKind.TELEGRAM, "Anna Admin", 7), NOW + timedelta(hours=1))
    incident = Incident(3, 1, "Production", NOW, None, (), NOW, change=change, looking=looking)
    ahead = Ahead(incident=incident) if changed else Ahead()
    plain, _ = parse_html(str(proposal_view(texts, base, NOW, ahead=ahead).text).partition("<blockquote")[0])
    rich = told(json.loads(rich_proposal(texts, base, NOW, ahead=ahead).model_dump_json(exclude_none=True))["blocks"])
    for form in (plain, rich):
        assert len(form) <= 700 and all(f"{n}. production-web-{n - 1}" in form for n in range(1, 6)), form
        assert (texts.reason(change.reason) in form) is changed and ("Anna Admin" in form) is changed


BOTH = Reason.of("overload-both", cpu=7.1, cpu_limit=7.0, memory=84.0, memory_limit=70.0)
MEMORY = Reason.of("overload-memory", memory=84.0, limit=70.0)
CPU = Reason.of("overload", value=7.9, limit=7.0)


@pytest.mark.parametrize(
    ("reason", "cpu", "memory", "sign", "words"),
    [
        (BOTH, 6.5, 81.0, "⏳", "memory 84 → 81 %, still overloaded"),
        (BOTH, 6.5, 69.0, "✅", "memory 84 → 69 % ("),
        (BOTH, 7.05, 69.0, "⏳", "memory 84 → 69 %, still overloaded"),
        (MEMORY, 6.5, 70.0, "✅", "memory 84 → 70 % ("),
        (CPU, 7.2, 60.0, "⏳", "CPU 7.1 → 7.2, still overloaded"),
        (CPU, 6.9, 60.0, "✅", "CPU 7.1 → 6.9 ("),
    ],
)
def test_headline_of_ended_moves_names_the_figure_that_is_furthest_above(
    reason: Reason, cpu: float, memory: float, sign: str, words: str
) -> None:
    base = proposal(1)
    [first] = base.moves
    after = replace(first.move.source_after, cpu_ratio=cpu, memory_percent=memory, cpu_load=None)
    ended = started(replace(first, move=replace(first.move, source_after=after)), MigrationState.SUCCEEDED, None)
    report = base.plan.overloaded[0]
    assert report.load is not None
    load = replace(report.load, cpu_ratio=7.1, memory_percent=84.0, cpu_load=None)
    nodes = tuple(replace(n, reason=reason, load=load) if n is report else n for n in base.plan.nodes)
    left = (report.node_id,) if cpu > 7.0 or memory > 70.0 else ()
    done = replace(base, plan=replace(base.plan, nodes=nodes, overloaded_after=left), moves=(ended,))
    text, _ = parse_html(str(proposal_view(texts_for("en"), done, NOW).text))
    headline = text.splitlines()[0].replace("\u00a0", " ")
    assert headline.startswith(sign) and words in headline, headline
