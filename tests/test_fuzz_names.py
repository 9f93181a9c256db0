"""Names are written by customers: no name can change the structure of chat, terminal, log, tables or files.

No shown exception contains a secret of any form.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import logging
import sys
import unicodedata
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bot_builders import ANNA, NOW
from core_builders import node, snapshot, vm
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.formats.codec import plan_from_dict, plan_to_dict, snapshot_from_dict, snapshot_to_dict
from balancer.model import Plan, Purpose
from balancer.planner import plan
from balancer.policy import Policy
from bot.domain.exclusions import Exclusion, ExclusionRole
from bot.domain.proposals import (
    Actor,
    ActorKind,
    FirstApproval,
    Migration,
    MigrationState,
    MoveState,
    Proposal,
    ProposedMove,
)
from bot.domain.sanitize import Redactor, with_parts
from bot.observability.logging_setup import JsonFormatter, SafeFormatter
from bot.rendering.catalog import LANGUAGES, texts_for
from bot.rendering.export import HISTORY_COLUMNS, as_csv, as_json, history_line, history_rows
from bot.rendering.plain import outcome_line, plan_lines
from bot.service.values import Status
from bot.store.store import Store
from bot.store.values import DecisionGroup
from bot.telegram.views.exclusions import exclusions_view
from bot.telegram.views.history import history_view
from bot.telegram.views.nodes import node_view, nodes_view
from bot.telegram.views.notices import ending_notice
from bot.telegram.views.proposals import plan_view, proposal_view
from bot.telegram.views.settings import settings_view
from bot.telegram.views.status import status_view
from bot.telegram.views.view import View
from sandbox.chat.html import parse_html

ROOT = Path(__file__).resolve().parent.parent
SPITEFUL = st.sampled_from(
    [
        *("<b>", "</b>", "<a href='tg://user?id=1'>", "&lt;", "&", '"', "<pre>", "</blockquote>", "<tg-spoiler>"),
        *("\x1b[31m", "\x1b]8;;http://evil\x07", "\x9b2J", "\x1b[2K\r", "\x07", "\x08", "\x00", "\x7f"),
        *("\u202e", "\u2066", "\u200f", "\u200d", "\u2028", "\u2029", "\x85", "\ufeff", "\n", "\r\n", "\t", "\v"),
        *("=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\uff1d1", "\t=1", ";", ",", "'", '""', "|"),
        *("{", "}", "{ $vm }", "%s", "%(name)s", "{0}", "$(id)", "`id`", "../../etc/passwd", "[bold]", "[/]"),
        *("@everyone", "/mode auto", "https://evil.example", "2026-11-22 12:00:00 [INFO] Migration completed"),
        *("\ud800", "\U0001f4a9", "a\u0300" * 5, "名前", "n" * 300),
    ]
)
NAMES = st.lists(SPITEFUL | st.text(max_size=8), min_size=1, max_size=4).map("".join)
MESSAGE_LIMIT, LINE_MAKERS = 4096, "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def world(name: str, other: str) -> Plan:
    """A plan with this name on VMs, nodes and the cluster; one move, one rejection."""
    nodes = [node(1, name=f"{name}1", vcpus_allocated=140), node(2, name=f"{other}2"), node(3, name=name)]
    vms = [vm(10, name=name, memory_mib=1024), vm(11, name=other, iso_mounted=True)]
    new_plan = plan(snapshot(nodes, vms), Policy(max_moves=5))
    assert new_plan.moves
    return replace(new_plan, cluster_name=name)


def proposal(name: str, other: str) -> Proposal:
    """Moves decided by a person with this name and failed with this text, and one that waits for a second person."""
    result, actor = world(name, other), Actor(ActorKind.TELEGRAM, name, 1001)
    move = result.moves[0]
    result = replace(result, moves=(move, move))
    failed = Migration(1, 1, 1, 1, move, MigrationState.FAILED, NOW, NOW, NOW + timedelta(seconds=5), error=other)
    moves = (
        ProposedMove(1, 0, move, MoveState.APPROVED, actor, NOW, failed, FirstApproval(ANNA, NOW)),
        ProposedMove(2, 1, move, MoveState.PENDING, first=FirstApproval(actor, NOW)),
    )
    return Proposal(1, 1, False, NOW, NOW + timedelta(hours=1), result, moves)


def shown(text: str) -> None:
    """No text moves the cursor, changes the direction of a line, or begins a false line."""
    for char in text:
        assert char == "\n" or unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp"), repr(text)
        assert unicodedata.bidirectional(char) not in ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI", "PDF", "PDI")


def one_line_each(lines: list[str]) -> None:
    for line in lines:
        shown(line)
        assert not any(char in line for char in LINE_MAKERS), repr(line)


def valid(view: View) -> tuple[str, list[str]]:
    """The plain text and the kinds of markup, as Telegram reads them; buttons fit."""
    plain, entities = parse_html(str(view.text))
    assert len(plain.encode("utf-16-le")) // 2 <= MESSAGE_LIMIT
    shown(plain)
    assert not {e["type"] for e in entities} & {"text_link", "text_mention", "spoiler", "url"}
    for row in view.keyboard.inline_keyboard if view.keyboard else []:
        for button in row:
            one_line_each([button.text])
            assert button.callback_data is not None and len(button.callback_data.encode()) <= 64
    return plain, [e["type"] for e in entities]


@pytest.mark.parametrize("language", LANGUAGES)
@given(name=NAMES, other=NAMES)
@settings(deadline=None, max_examples=25)
def test_every_message_is_valid_html_with_any_names(language: str, name: str, other: str) -> None:
    texts, result = texts_for(language), proposal(name, other)
    failed = result.moves[0].migration
    assert failed is not None
    exclusion = Exclusion(1, name, ExclusionRole.BOTH, None, Actor(ActorKind.TELEGRAM, other, 1), NOW)
    status = Status(NOW, (result.plan,), "approve", None, (result,), (failed,), (exclusion,), other)
    group = DecisionGroup(Purpose.BALANCE, name, NOW, None, result.moves)
    views = [
        proposal_view(texts, result, NOW),
        plan_view(texts, result.plan),
        View(ending_notice(texts, failed)),
        status_view(texts, status, NOW, next_check=None, dry_run=False),
        nodes_view(texts, result.plan),
        node_view(
            texts, node(1, name=name, state=other), result.plan, [vm(10, name=name)], exclusions=[exclusion], now=NOW
        ),
        history_view(texts, [group], NOW, part=0, size=8, more=True),
        exclusions_view(texts, [exclusion], (name,), (other,), NOW),
        settings_view(texts, {"EXCLUDE_SOURCE_NODES": name}, {}, {}, {}),
    ]
    calm = proposal("x", "y")
    _, kinds = valid(views[0])
    assert set(kinds) <= set(valid(proposal_view(texts, calm, NOW))[1]), "a name adds no markup"
    for view in views:
        valid(view)


@pytest.mark.parametrize("language", LANGUAGES)
@given(name=NAMES, other=NAMES)
@settings(deadline=None, max_examples=25)
def test_names_cannot_add_lines_to_the_terminal(language: str, name: str, other: str) -> None:
    texts, result = texts_for(language), proposal(name, other)
    one_line_each(plan_lines(texts, result.plan))
    one_line_each([outcome_line(texts, m) for m in result.moves])
    one_line_each([history_line(m, texts) for m in result.moves])
    assert len(plan_lines(texts, result.plan)) == len(plan_lines(texts, proposal("x", "y").plan))


@given(NAMES, NAMES)
@settings(deadline=None, max_examples=50)
def test_log_record_is_one_line(name: str, other: str) -> None:
    record = logging.LogRecord("bot.test", logging.INFO, "f.py", 1, "%s moved VM '%s'", (name, other), None)
    one_line_each([SafeFormatter([]).format(record)])
    line = JsonFormatter([]).format(record)
    assert line.isascii() and not any(char in line for char in LINE_MAKERS)
    json.loads(line)


@given(NAMES, NAMES)
@settings(deadline=None, max_examples=50)
def test_csv_keeps_its_cells_and_has_no_formula(name: str, other: str) -> None:
    rows = history_rows(proposal(name, other).moves, texts_for("en"))
    read = list(csv.reader(io.StringIO(as_csv(rows, HISTORY_COLUMNS))))
    assert [len(row) for row in read] == [len(HISTORY_COLUMNS)] * 3
    for cell in (cell for row in read for cell in row):
        one_line_each([cell])
        assert not cell.lstrip().startswith(tuple("=+-@\uff1d\uff0b\uff0d\uff20")), repr(cell)
    as_data = json.loads(as_json(rows))
    assert as_data[0]["vm"] == name, "a program gets the name as it is"


@given(NAMES, NAMES)
@settings(deadline=None, max_examples=50)
def test_files_return_the_stored_names(name: str, other: str) -> None:
    result = world(name, other)
    assert plan_from_dict(json.loads(json.dumps(plan_to_dict(result)))) == result
    seen = snapshot([node(1, name=name)], [vm(10, name=other)])
    assert snapshot_from_dict(json.loads(json.dumps(snapshot_to_dict(seen)))).snapshot == seen


@pytest.mark.parametrize("name", ["'; DROP TABLE move; --", '"', "%", "\x1b[31m", "\u202e", "\0nul", "名前"])
async def test_database_stores_names_without_running_them(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "bot.db")
    await store.open()
    try:
        result = await store.proposals.publish(
            world(name, "x"), automatic=False, now=NOW, expires_at=NOW + timedelta(hours=1), since=None
        )
        answer = await store.proposals.get(result.proposal_id or 0)
        assert answer is not None and answer.plan.moves[0].vm_name == name
        await store.audit.record("test", Actor(ActorKind.TELEGRAM, name, 1), NOW, name=name)
        assert (await store.audit.verify()).problems == ()
    finally:
        await store.close()


# Secrets ---------------------------------------------------------------------------------------------

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=8, max_size=40).filter(
    lambda s: len(set(s.strip())) >= 5
)


@given(SECRETS, NAMES)
@settings(deadline=None, max_examples=50)
def test_shown_exceptions_contain_no_secret(secret: str, name: str) -> None:
    try:
        try:
            raise OSError(5, f"{name} {secret}", f"/tmp/{secret}")
        except OSError as error:
            raise ValueError({"password": secret, "url": f"https://u:{secret}@host/"}) from error
    except ValueError:
        trace = sys.exc_info()
    record = logging.LogRecord("bot", logging.ERROR, "f.py", 1, "failed with %r", (secret,), trace)
    hidden = with_parts(secret)
    text, as_json_line = SafeFormatter(hidden).format(record), JsonFormatter(hidden).format(record)
    spellings = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]}
    for spelling in spellings:
        assert spelling not in text
        assert spelling not in as_json_line and spelling not in json.dumps(json.loads(as_json_line), ensure_ascii=False)
    assert secret not in Redactor(hidden)(f"{name}{secret}{name}")


# What the code must not do ---------------------------------------------------------------------------

UNSAFE_MODULES = {"pickle", "cPickle", "dill", "shelve", "marshal", "jsonpickle", "telnetlib", "ftplib"}
UNSAFE_CALLS = {
    "eval",
    "exec",
    "os.system",
    "os.popen",
    "yaml.load",
    "tempfile.mktemp",
    "ssl._create_unverified_context",
}


def unsafe(tree: ast.AST) -> list[str]:
    results = []
    for part in ast.walk(tree):
        if isinstance(part, ast.Import):
            results += [a.name for a in part.names if a.name.split(".")[0] in UNSAFE_MODULES]
        elif isinstance(part, ast.ImportFrom) and (part.module or "").split(".")[0] in UNSAFE_MODULES:
            results.append(str(part.module))
        elif isinstance(part, ast.Call):
            name = ast.unparse(part.func)
            started = name.startswith("subprocess.") or name in ("run", "Popen")
            wanted = [ast.unparse(k.value) for k in part.keywords if k.arg == "shell"]
            shell = any(w == "True" or (started and w != "False") for w in wanted)
            if name in UNSAFE_CALLS or shell or name.endswith("create_subprocess_shell"):
                results.append(name)
    return results


@pytest.mark.parametrize("folder", ["balancer", "bot", "sandbox", "vm_balancer", "tools"])
def test_code_uses_no_pickle_shell_or_eval(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    assert {str(f): u for f in files if (u := unsafe(ast.parse(f.read_text("utf-8"))))} == {}


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from pickle import loads", "run('x', shell=True)", "eval('1')", "import os\nos.system('x')"],
)
def test_unsafe_code_is_found(code: str) -> None:
    assert len(unsafe(ast.parse(code))) == 1
