"""What people read about the results of moves: chat, terminal and files, in both languages, with hostile names."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bot_fixture import bot_on, running_panel
from chat_fixture import running
from test_incident_messages import checked as check
from test_incident_messages import delete, loud
from test_outcomes import ALLOCATED, MOVED, OWN_LOADS, judged, started
from test_views import HOSTILE, LANGUAGES, NOW, checked, with_migration

from balancer.model import Purpose
from bot.cli import main
from bot.cli.output import OK
from bot.domain.incidents import Incident, Resource
from bot.domain.outcomes import CHECKPOINTS, Cause, LedgerEntry, Missing, Outcome
from bot.domain.promise_verdicts import BrokenPromises
from bot.domain.proposals import MigrationState, ProposedMove
from bot.rendering.catalog import texts_for
from bot.rendering.export import as_csv, as_json
from bot.rendering.outcomes import OUTCOME_COLUMNS, broken_line, outcome_line, outcome_rows, outcome_words, reliefs
from bot.store.values import DecisionGroup
from bot.telegram.views.history import history_view
from bot.telegram.views.outcomes import NODES_SHOWN, broken_lines, outcome_lines
from bot.telegram.views.proposal_lines import Ahead
from bot.telegram.views.proposals import proposal_view
from bot.telegram.views.rich_proposals import rich_proposal
from sandbox.chat.html import parse_html

EN = texts_for("en")
TEN_MINUTES = CHECKPOINTS[0]


def outcome(relieved: float | None = 1.8, promised: float = 1.9, **more: object) -> Outcome:
    missing = Missing.VM_GONE if relieved is None else None
    base = Outcome(1, TEN_MINUTES, NOW, Resource.CPU, promised, relieved, missing)
    return replace(base, **more)  # type: ignore[arg-type]


def done(vm: str = "vm", node: str = "alder", number: int = 1) -> ProposedMove:
    [proposed] = with_migration(MigrationState.SUCCEEDED).moves
    assert proposed.migration is not None
    move = replace(proposed.move, vm_name=vm, source_name=node)
    return replace(proposed, move=move, migration=replace(proposed.migration, id=number, move=move))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (outcome(), "relieved alder by 1.8 of 1.9 promised"),
        (outcome(0.125, 0.126), "relieved alder by 0.12 of 0.13 promised"),
        (outcome(1.2, 1.0, resource=Resource.LOAD), "relieved alder by 1.2 load, 1 was promised"),
        (outcome(8, 1), "relieved alder by 8, 1 was promised"),
        (outcome(9.04, 9.0, resource=Resource.MEMORY), "relieved alder by 9 of 9 points of memory promised"),
        (outcome(9.1, 9.0, resource=Resource.MEMORY), "relieved alder by 9.1 points of memory, 9 was promised"),
        (outcome(3.0, 4.0, resource=Resource.MEMORY), "relieved alder by 3 of 4 points of memory promised"),
        (outcome(-0.001), "relieved alder by 0 of 1.9 promised"),
        (outcome(-0.4), "did not relieve alder: CPU rose by 0.4, 1.9 less was promised"),
        (outcome(0.2, cause=Cause.VMS_GREW), "by 0.2 of 1.9 promised: VMs that stayed on the node need more now"),
        (outcome(None), "not compared: the VM is gone"),
    ],
)
def test_result_is_shown_beside_the_promise(result: Outcome, words: str) -> None:
    assert words in outcome_words(EN, result, "alder")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("resource", list(Resource))
def test_every_result_is_worded(language: str, resource: Resource) -> None:
    texts = texts_for(language)
    results = [outcome(None, missing=missing) for missing in Missing]
    results += [outcome(figure, resource=resource, cause=cause) for cause in Cause for figure in (0.1, -0.1)]
    results += [outcome(figure, resource=resource) for figure in (1.9, 8.0)]
    for result in results:
        words = outcome_words(texts, result, HOSTILE)
        assert "{" not in words and "outcome-" not in words and "\x1b" not in words
    for cause in Cause:
        [line] = broken_lines(texts, [BrokenPromises(1, HOSTILE, 7, 0.4, cause)])
        text, _ = parse_html(str(line))
        assert "40%" in text.replace("\u00a0", "") and "outcomes-" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_history_says_what_a_migration_brought(language: str) -> None:
    texts, proposed = texts_for(language), done(HOSTILE, HOSTILE)
    groups = [DecisionGroup(Purpose.BALANCE, HOSTILE, NOW, None, (proposed,))]
    view = history_view(texts, groups, NOW, part=0, size=8, more=False, outcomes={1: outcome()})
    assert "1.9" in checked(view).replace(",", ".")
    view = history_view(texts, groups, NOW, part=0, size=8, more=False, outcomes={2: outcome()})
    assert "1.9" not in checked(view).replace(",", ".")


@pytest.mark.parametrize("language", LANGUAGES)
def test_message_of_a_proposal_says_it_in_one_line(language: str) -> None:
    base = with_migration(MigrationState.SUCCEEDED)
    plain = checked(proposal_view(texts_for(language), base, NOW))
    text = checked(proposal_view(texts_for(language), base, NOW, ahead=Ahead(outcomes={1: outcome()})))
    assert len(text.splitlines()) == len(plain.splitlines()) + 1 and "📉" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("nodes", [1, NODES_SHOWN, NODES_SHOWN + 2])
def test_ended_incident_is_two_lines_also_with_its_results(language: str, nodes: int) -> None:
    texts = texts_for(language)
    moves = [done(HOSTILE, f"{HOSTILE} {n}", n) for n in range(1, nodes + 1)]
    moves = [replace(m, move=replace(m.move, source_id=n)) for n, m in enumerate(moves, start=1)]
    results = {n: outcome(8, 1) for n in range(1, nodes + 1)}
    incident = Incident(3, 1, HOSTILE, NOW - timedelta(hours=2), NOW, (), NOW)
    base = with_migration(MigrationState.SUCCEEDED)
    ahead = Ahead(incident=incident, earlier=tuple(moves), outcomes=results)
    view = proposal_view(texts, base, NOW, ahead=ahead)
    shown = checked(view)
    assert len(shown.splitlines()) == 2 and shown.count("📉") == 1
    rich = rich_proposal(texts, base, NOW, ahead=ahead)
    assert sum(block.type == "paragraph" for block in rich.blocks or ()) == 2


def test_moves_from_one_node_are_one_line() -> None:
    moves = [done("a", number=1), done("b", number=2), replace(done("c", "birch", number=3))]
    moves[2] = replace(moves[2], move=replace(moves[2].move, source_id=9))
    results = {n: outcome(0.9, 1.0) for n in (1, 2, 3)}
    assert [(r.node, r.promised, r.relieved) for r in reliefs(moves, results)] == [
        ("alder", 2.0, 1.8),
        ("birch", 1.0, 0.9),
    ]
    assert [parse_html(str(line))[0] for line in outcome_lines(EN, moves, results)] == [
        "📉 relieved alder by 1.8 of 2 promised",
        "📉 relieved birch by 0.9 of 1 promised",
    ]
    drained = [replace(m, purpose=Purpose.DRAIN) for m in moves]
    assert outcome_lines(EN, drained, results) == [], "a node is emptied for another reason"


# Files ----------------------------------------------------------------------------------------------


def entry(vm: str = "web") -> LedgerEntry:
    move = started(OWN_LOADS, 11)
    promise = replace(move.promise, vm_name=vm, source=replace(move.promise.source, node_name=vm))
    return LedgerEntry(replace(move, promise=promise), judged(move, OWN_LOADS.but(11, node=2)))


def test_table_has_every_figure_and_is_safe_in_a_spreadsheet() -> None:
    text = as_csv(outcome_rows([entry('=HYPERLINK("http://x")\r\n+1')]), OUTCOME_COLUMNS)
    [row] = list(csv.DictReader(io.StringIO(text)))
    assert row["vm"].startswith("'=") and row["source"].startswith("'=") and len(text.splitlines()) == 2
    assert (row["after"], row["resource"], row["vm_cpus_promised"], row["vm_cpus_from"]) == (
        "10m",
        "load",
        "3.0",
        "ssh",
    )
    assert float(row["source_cpu_load_before"]) == 0.8 and float(row["source_cpu_load_promised"]) == 0.5
    assert float(row["kept"]) == pytest.approx(float(row["relieved"]) / float(row["promised"]), abs=1e-3)
    [same] = json.loads(as_json(outcome_rows([entry()])))
    assert set(same) == set(OUTCOME_COLUMNS)


def test_missing_figure_is_empty_in_the_table() -> None:
    move = started(ALLOCATED, 11)
    gone = LedgerEntry(move, judged(move, MOVED.without(11)))
    [row] = list(csv.DictReader(io.StringIO(as_csv(outcome_rows([gone]), OUTCOME_COLUMNS))))
    assert (row["missing"], row["relieved"], row["kept"], row["source_cpu_load_measured"]) == ("vm-gone", "", "", "")
    assert "the VM is gone" in outcome_line(EN, gone)


def test_verdict_on_a_cluster_names_share_and_cause() -> None:
    line = broken_line(EN, BrokenPromises(1, "Production", 12, 0.41, Cause.NOT_VMS))
    assert line.replace("\u00a0", "") == (
        "⚠️ Production: moves bring 41% of what they promise (12 moves in a week). "
        "The load of the nodes is not the load of their VMs: look at the nodes themselves."
    )


def test_command_prints_the_outcomes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bot.db"
    given = ["history", "--outcomes", "--database-path", str(path), "--limit", "2"]

    async def fill(checks: tuple[int, ...]) -> None:
        async with running_panel() as panel, bot_on(panel, path, balance_interval=300) as bot:
            for wait in checks:
                if wait == 0:
                    await bot.moved()
                bot.pass_time(wait)
                await bot.propose()

    asyncio.run(fill(()))
    assert main(given) == OK and "No migration has been compared" in capsys.readouterr().out
    asyncio.run(fill((0, 600, 3600, 86_400)))
    assert main([*given, "--csv"]) == OK
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [r["after"] for r in rows] == ["1d", "1h"], "the newest"
    assert main([*given, "--json"]) == OK and len(json.loads(capsys.readouterr().out)) == 2
    assert main(given) == OK and "relieved hot by" in capsys.readouterr().out


# The chat -------------------------------------------------------------------------------------------


async def test_message_of_the_incident_says_once_and_without_a_sound_what_was_brought(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start(timezone="UTC")
        report = await fixture.message("1. small-a", buttons=True)
        await fixture.pressed(report, "Approve 1")
        await fixture.message("small-a", "done in")
        delete(fixture, 20)  # the overload is over
        sounds = len(loud(fixture))
        await check(fixture, 11)
        text = report.content.text
        assert "📉 " in text and "hot by" in text and text.count("📉") == 1
        assert len(text.splitlines()) == 2, "an incident that is over is two lines"
        assert len(loud(fixture)) == sounds and fixture.messages() == [report]
        for minutes in (60, 1440):
            await check(fixture, minutes)
        assert report.content.text.count("📉") == 1
        fixture.clock.now += timedelta(seconds=1)
