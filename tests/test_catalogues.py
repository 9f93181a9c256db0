"""The catalogues: complete in both languages, fully used by the code, safe as HTML, short where needed.

The messages that the code uses, with their arguments, are read from its syntax trees. The planner's reasons
(reasons.ftl) have their own tests.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl
from fluent.syntax.visitor import Visitor
from markupsafe import Markup

from balancer.model import Purpose, Reason
from balancer.survival.values import SurvivalVerdict
from bot.cli.checks.sheet import CHECKS
from bot.console.keys import KEYS, VIEWS
from bot.domain.exclusions import ExclusionRole
from bot.domain.health import State
from bot.domain.outcomes import Cause, Missing
from bot.domain.proposals import MigrationState, MoveState, Verdict
from bot.domain.sanitize import one_line
from bot.errors import NotFound
from bot.rendering.catalog import LANGUAGES, NO_BREAK, Texts, message_sources, texts_for
from bot.service.aborts import AbortKind
from bot.service.runtime_settings import KEYS as KEYS_AT_RUN_TIME
from bot.telegram.commands import COMMANDS, GROUPS
from bot.telegram.handlers.help import ARGUMENTS
from bot.telegram.views.history import OUTCOMES
from sandbox.chat.html import parse_html

ROOT = Path(__file__).parent.parent
FILES = tuple(sorted(p.name for p in (ROOT / "bot" / "rendering" / "locales" / "en").glob("*.ftl")))
OURS = tuple(name for name in FILES if not name.startswith("reasons"))
PLURALS = (0, 1, 2, 5, 21)
PLURAL_WORDS = {"zero", "one", "two", "few", "many", "other"}
HOSTILE = "<b>&\"'\x1b[31m\u202e"
LONG = "n" * 40
POPUP_LIMIT = 200
BUTTON_LIMIT = 16
"""Two buttons side by side on a phone 390 px wide, with a number of one digit: more moves at once are rare."""
COLUMNS = {"table-cpu": 5, "table-memory": 6, "table-vms": 4}


# What the catalogues say ---------------------------------------------------------------------------


@cache
def resource(language: str, file: str) -> ftl.Resource:
    text = (ROOT / "bot" / "rendering" / "locales" / language / file).read_text("utf-8")
    return FluentParser().parse(re.sub(r"(?<=[\d}])%", " %", text))


@cache
def messages(language: str, *files: str) -> dict[str, ftl.Message]:
    return {e.id.name: e for f in files for e in resource(language, f).body if isinstance(e, ftl.Message)}


@dataclass
class Variables(Visitor):
    """The variables of a message: all of them, the numbers, and the words in selectors of others."""

    names: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    words: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def visit_VariableReference(self, node: ftl.VariableReference) -> None:  # noqa: N802 - the parser calls it by this name
        self.names.add(node.id.name)

    def visit_FunctionReference(self, node: ftl.FunctionReference) -> None:  # noqa: N802 - the parser calls it by this name
        self.numbers |= {a.id.name for a in node.arguments.positional if isinstance(a, ftl.VariableReference)}
        self.generic_visit(node)

    def visit_SelectExpression(self, node: ftl.SelectExpression) -> None:  # noqa: N802 - the parser calls it by this name
        if isinstance(node.selector, ftl.VariableReference):
            name = node.selector.id.name
            keys = {k.name if isinstance(k := v.key, ftl.Identifier) else k.value for v in node.variants}
            if all(k in PLURAL_WORDS or k.isdigit() for k in keys):
                self.numbers.add(name)
            else:
                self.words[name] |= keys
        self.generic_visit(node)


@cache
def variables(language: str, key: str) -> Variables:
    result = Variables()
    result.visit(messages(language, *FILES)[key])
    return result


@cache
def merged(key: str) -> Variables:
    """The variables in both languages together: one may select by a number that the other only prints."""
    both = Variables()
    for language in LANGUAGES:
        one = variables(language, key)
        both.names |= one.names
        both.numbers |= one.numbers
        for name, words in one.words.items():
            both.words[name] |= words
    return both


def samples(key: str, text: str) -> Iterator[dict[str, Any]]:
    """Arguments of a message: every plural with every plural, every word of a selector, ``text`` for the rest."""
    known = merged(key)
    choices: list[list[Any]] = []
    for name in sorted(known.names):
        if name in known.numbers:
            choices.append(list(PLURALS))
        else:
            choices.append([*sorted(known.words.get(name, ())), text])
    for values in itertools.product(*choices):
        yield dict(zip(sorted(known.names), values, strict=True))


def selectors(message: ftl.Message) -> list[set[str]]:
    """The words, not the numbers, that each selector of a message distinguishes."""
    results = []

    class Collect(Visitor):
        def visit_SelectExpression(self, node: ftl.SelectExpression) -> None:  # noqa: N802 - the parser calls it by this name
            results.append({v.key.name for v in node.variants if isinstance(v.key, ftl.Identifier)})
            self.generic_visit(node)

    Collect().visit(message)
    return results


@cache
def every(start: str = "") -> list[str]:
    """All keys with this prefix. Not at import time: each test process would read all catalogues."""
    return sorted({key for language in LANGUAGES for key in messages(language, *OURS) if key.startswith(start)})


# What the code asks for ----------------------------------------------------------------------------

MOVE_STATES = [s.value for s in MoveState]
VERDICT_STATES = [v.state.value for v in Verdict]
MENU = [c.name for c in COMMANDS]
VERDICTS = [v.value for v in SurvivalVerdict]
FORMATTED: dict[str, list[str]] = {
    "state-{proposed.state.value}": MOVE_STATES,
    "capacity-{resource.trend.value}": ["short", "none", "falling"],
    "terminal-{proposed.state.value}": MOVE_STATES,
    "migration-{migration.state.value}": [s.value for s in MigrationState],
    "terminal-{migration.state.value}": [s.value for s in MigrationState],
    "console-migration-{migration.state.value}": [s.value for s in MigrationState],
    "console-key-{key.action}": [k.action for k in KEYS],
    "console-help-{k.action}": [k.action for k in KEYS],
    "console-tab-{name}": list(VIEWS),
    "console-{purpose.value}-ask": [Purpose.DRAIN.value, Purpose.FILL.value],
    "console-key-{purpose.value}": [Purpose.DRAIN.value, Purpose.FILL.value],
    "console-flag-out-{which.value}": [r.value for r in ExclusionRole],
    "console-as-{which.value}": [r.value for r in ExclusionRole],
    "role-{which.value}": [r.value for r in ExclusionRole],
    "menu-{c.name}": MENU,
    "menu-{info.name}": MENU,
    "popup-{word}": VERDICT_STATES,
    "popup-{word}-all": VERDICT_STATES,
    "popup-first-{word}": VERDICT_STATES,
    "popup-{proposed.state.value}": [MoveState.SUPERSEDED.value, MoveState.WITHDRAWN.value],
    "balance-{report.outcome}": ["busy", "paused"],
    "not-found-{error.what}": ["node", "cluster", "vm", "node-or-vm", "move", "migration", "setting"],
    "purpose-{proposed.purpose.value}": [p.value for p in Purpose if p is not Purpose.BALANCE],
    "wish-{proposal.purpose.value}": [Purpose.TARGET.value, Purpose.UNDO.value, Purpose.ROOM.value],
    "setting-{field}": list(KEYS_AT_RUN_TIME),
    "setting-about-{field}": list(KEYS_AT_RUN_TIME),
    "check-title-{check}": list(CHECKS),
    "request-vm-{state}": [
        *MOVE_STATES,
        *(s.value for s in MigrationState if s is not MigrationState.SKIPPED),
        *("called-back", "restarted", "not-needed", "failed-stays"),
    ],
    **{f"{{kind}}-{end}": ["drain", "fill"] for end in ("waiting", "progress", "nothing", "ended")},
    "help-group-{group}": list(GROUPS),
    "row-exclude-{role.value}": [r.value for r in ExclusionRole],
    "abort-{kind}": [k.value for k in AbortKind if k is not AbortKind.QUESTION],
    "notice-failed-{where}": ["away", "stays", "running", "stopped"],
    "outcome-missing-{missing}": [m.value for m in Missing],
    "outcome-cause-{outcome.cause.value}": [c.value for c in Cause],
    "outcomes-broken-{broken.cause.value}": [c.value for c in Cause],
    "history-{o}": list(OUTCOMES),
    "history-vm-{outcome(proposed)}": list(OUTCOMES),
    **{f"{part}-{{change.kind}}": ["cpu", "load", "memory"] for part in ("after", "change")},
    "argument-{word}": list(ARGUMENTS),
    "picture-{kind}-long": ["cpu", "load", "memory", "vm"],
    **{
        f"survive-{kind}{{{name}.verdict.value}}": VERDICTS
        for kind in ("", "short-")
        for name in ("survival", "summary")
    },
    "survive-loss-{loss.verdict.value}": [v for v in VERDICTS if v != SurvivalVerdict.YES.value],
    "health-{health.state.value}": [s.value for s in State],
}
"""The possible values of the braces in a composed key. A new f-string needs an entry."""


@dataclass(frozen=True)
class Use:
    """One use of a message, with the names of its arguments."""

    key: str
    method: str
    given: frozenset[str]
    where: str
    popup: bool = False


AskedFor = tuple[str, frozenset[str]]
"""A key, and the keywords of the call that passed it."""


@dataclass(frozen=True)
class Place:
    file: str
    function: ast.FunctionDef | ast.AsyncFunctionDef | None


class Code:
    """Every call in bot/ with its function, and the keys that expressions can have as value."""

    def __init__(self) -> None:
        self.calls: list[tuple[ast.Call, Place]] = []
        self.by_name: dict[str, list[tuple[ast.Call, Place]]] = defaultdict(list)
        self.popups: set[int] = set()
        self.functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
        for path in sorted((ROOT / "bot").rglob("*.py")):
            if path.name != "texts.py":
                self._collect(ast.parse(path.read_text("utf-8")), Place(str(path.relative_to(ROOT)), None))

    def _collect(self, node: ast.AST, place: Place) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                self.calls.append((child, place))
                self.by_name[_last_name(child.func)].append((child, place))
                if ast.unparse(child.func).endswith(("query.answer", "event.answer")):
                    self.popups |= {id(n) for a in child.args for n in ast.walk(a)}
                if ast.unparse(child.func) == "ActionResult":
                    self.popups |= {id(n) for a in child.args[:1] for n in ast.walk(a)}
            function = child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else None
            self.functions += [function] if function is not None else []
            self._collect(child, Place(place.file, function) if function else place)

    def uses(self) -> list[Use]:
        """Every ``texts.text(…)`` and ``texts.html(…)``, with keys from any source."""
        results = []
        for call, place in self.calls:
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in ("text", "html"):
                continue
            if not ast.unparse(call.func.value).lower().endswith(("texts", ".own")):
                continue
            popup = id(call) in self.popups
            for key, more in self.keys(call.args[0], place):
                # ``_say(key, **args)`` passes its arguments on with the key.
                given = _keywords(call) | self._unpacked(call) | (more if _passes_on(call) else frozenset())
                results.append(Use(key, call.func.attr, given, f"{place.file}:{call.lineno}", popup))
        return [*results, *self.rows()]

    def rows(self) -> list[Use]:
        """Every ``Row(key, {…})`` of bot/rendering: a message that others word with ``text(row.key, **row.args)``."""
        calls = [(c, p) for c, p in self.by_name["Row"] if p.file.startswith("bot/rendering/")]
        return [
            Use(key, "text", self._row_arguments(call, place), f"{place.file}:{call.lineno}")
            for call, place in calls
            for key, _ in self.keys(call.args[0], place)
        ]

    def _row_arguments(self, call: ast.Call, place: Place) -> frozenset[str]:
        """The names in the dictionary that is the second argument of a row, or in the variable given there."""
        given = call.args[1] if len(call.args) > 1 else None
        if isinstance(given, ast.Name):
            nodes = ast.walk(place.function) if place.function is not None else ()
            assigned = [n for n in nodes if isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == given.id]
            given = assigned[0].value if assigned else None
        return _names_in(given)

    def _unpacked(self, call: ast.Call) -> frozenset[str]:
        """The names in the dictionary that a function returns, where the call unpacks its result."""
        called = {_last_name(k.value.func) for k in call.keywords if k.arg is None and isinstance(k.value, ast.Call)}
        returned = [
            n.value for f in self.functions if f.name in called for n in ast.walk(f) if isinstance(n, ast.Return)
        ]
        return frozenset().union(*map(_names_in, returned))

    def reasons(self) -> list[Use]:
        """Every ``Reason.of("code", …)``. Reasons read back from the store are made elsewhere."""
        calls = [(c, p) for c, p in self.by_name["of"] if ast.unparse(c.func) == "Reason.of"]
        results = [(c, p) for c, p in calls if p.file not in ("bot/store/rows.py", "bot/store/rule_rows.py")]
        return [
            Use(f"reason-{key}", "text", _keywords(call), f"{place.file}:{call.lineno}")
            for call, place in results
            for key, _ in self.keys(call.args[0], place)
        ]

    def keys(self, given: ast.expr, place: Place) -> list[AskedFor]:
        """The keys an expression can be."""
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            return [(given.value, frozenset())]
        if ast.unparse(given) in ("row.key", "line.key"):
            return []  # collected where the row is made
        if isinstance(given, ast.IfExp):
            return self.keys(given.body, place) + self.keys(given.orelse, place)
        if isinstance(given, ast.JoinedStr):
            template = ast.unparse(given)[2:-1]
            assert template in FORMATTED, f"{place.file}:{given.lineno}: what can {template!r} be? See FORMATTED"
            return [(re.sub(r"\{.*\}", value, template), frozenset()) for value in FORMATTED[template]]
        if isinstance(given, ast.Name) and place.function is not None:
            result = self._assigned(given.id, place) or self._handed_in(given.id, place)
            if result:
                return result
        raise AssertionError(f"{place.file}:{given.lineno}: cannot tell which message {ast.unparse(given)!r} is")

    def _assigned(self, name: str, place: Place) -> list[AskedFor]:
        assigned = [
            node.value
            for node in ast.walk(place.function or ast.Module([], []))
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
        ]
        return [key for value in [*assigned, *self._looped(name, place)] for key in self.keys(value, place)]

    @staticmethod
    def _looped(name: str, place: Place) -> list[ast.expr]:
        """What a variable is in a loop over written values: ``for key, … in (("one", …), ("two", …))``."""
        results: list[ast.expr] = []
        for loop in ast.walk(place.function or ast.Module([], [])):
            if not isinstance(loop, ast.For | ast.comprehension) or not isinstance(loop.iter, ast.Tuple | ast.List):
                continue
            if isinstance(loop.target, ast.Name) and loop.target.id == name:
                results += loop.iter.elts
            elif isinstance(loop.target, ast.Tuple):
                at = [n for n, target in enumerate(loop.target.elts) if ast.unparse(target) == name]
                results += [row.elts[n] for row in loop.iter.elts if isinstance(row, ast.Tuple) for n in at]
        return results

    def _handed_in(self, name: str, place: Place) -> list[AskedFor]:
        function = place.function
        if function is None:
            return []
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        if name not in names:
            return []
        defaults = dict(zip(reversed(names), reversed(function.args.defaults), strict=False))
        result = self.keys(defaults[name], place) if name in defaults else []
        for call, caller in self.by_name[function.name]:
            method = names[0] == "self" and isinstance(call.func, ast.Attribute)
            at = names.index(name) - method
            values = [*call.args[at : at + 1], *(k.value for k in call.keywords if k.arg == name)]
            # Another file's private function of that name (the panel session has a _refuse) is not this one.
            private = function.name.startswith("_")
            if values and not (private and caller.file != place.file):
                result += [(key, _keywords(call)) for key, _ in self.keys(values[0], caller)]
        return result


def _last_name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


def _keywords(call: ast.Call) -> frozenset[str]:
    return frozenset(k.arg for k in call.keywords if k.arg is not None)


def _names_in(dictionary: ast.expr | None) -> frozenset[str]:
    keys = dictionary.keys if isinstance(dictionary, ast.Dict) else []
    return frozenset(k.value for k in keys if isinstance(k, ast.Constant) and isinstance(k.value, str))


def _passes_on(call: ast.Call) -> bool:
    return any(k.arg is None for k in call.keywords)


@cache
def uses() -> tuple[Use, ...]:
    code = Code()
    return (*code.uses(), *code.reasons())


def keys_used_as(method: str) -> set[str]:
    return {u.key for u in uses() if u.method == method}


# The tests -----------------------------------------------------------------------------------------


def test_both_languages_have_the_same_files() -> None:
    folders = {
        language: {p.name for p in (ROOT / "bot" / "rendering" / "locales" / language).iterdir()}
        for language in LANGUAGES
    }
    assert folders == {language: set(FILES) for language in LANGUAGES}


@pytest.mark.parametrize("file", FILES)
def test_both_languages_have_the_same_messages_with_the_same_variables(file: str) -> None:
    result = {
        language: {key: variables(language, key).names for key in messages(language, file)} for language in LANGUAGES
    }
    assert result["ru"] == result["en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_parse_and_define_each_message_once(language: str) -> None:
    entries = [e for file in FILES for e in resource(language, file).body]
    assert [e.content for e in entries if isinstance(e, ftl.Junk)] == []
    ids = [e.id.name for e in entries if isinstance(e, ftl.Message)]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("file", OURS)
def test_a_message_is_worded_without_an_error(language: str, file: str) -> None:
    texts = texts_for(language)
    for key in messages(language, file):
        for arguments in samples(key, "node-1"):
            words = texts.text(key, **arguments)
            assert words.strip() and words != key, key
            assert not re.search(r"[{}$]|None", words), key
            for name in merged(key).names - merged(key).numbers - merged(key).words.keys():
                assert arguments[name] in words, key


def test_a_number_selects_its_own_plural_in_russian() -> None:
    texts = texts_for("ru")
    output = [texts.text("popup-approved-all", count=n) for n in (1, 3, 11, 21, 22)]
    assert output == [
        "Одобрена 1 миграция.",
        "Одобрены 3 миграции.",
        "Одобрено 11 миграций.",
        "Одобрена 21 миграция.",
        "Одобрены 22 миграции.",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_plural_selector_has_every_form_of_whole_numbers(language: str) -> None:
    needed = {"en": {"one", "other"}, "ru": {"one", "few", "many"}}[language]
    for key, message in messages(language, *OURS).items():
        for words in selectors(message):
            assert not words & (PLURAL_WORDS - {"other"}) or words >= needed, key


def test_code_uses_only_existing_messages() -> None:
    for language in LANGUAGES:
        known = messages(language, *FILES)
        assert [f"{u.where} {u.key}" for u in uses() if u.key not in known] == []
    assert len({u.key for u in uses()}) > 100


def test_code_passes_every_argument_of_a_message() -> None:
    missing = [
        f"{u.where} {u.key}: {sorted(merged(u.key).names - u.given)}" for u in uses() if merged(u.key).names - u.given
    ]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_used(language: str) -> None:
    assert sorted(messages(language, *OURS).keys() - {u.key for u in uses()}) == []


def test_every_kind_of_unknown_name_has_a_message() -> None:
    """``NotFound.what`` makes a key of the chat; a mode and a strategy are judged before they are set."""
    code = Code()
    calls = code.by_name[NotFound.__name__]
    words = {c.args[0].value for c, _ in calls if isinstance(c.args[0], ast.Constant)}
    words |= {c.args[2].value for c, _ in code.by_name["_one"] if isinstance(c.args[-1], ast.Constant)}
    assert words - {"mode", "strategy"} == set(FORMATTED["not-found-{error.what}"])


# One way to write a thing ---------------------------------------------------------------------------

OTHER_WORDS = {
    "en": r"\bmem\b(?! GiB)|\bRAM\b",
    "ru": r"ОЗУ|\bЦП\b|\bRAM\b|целев|с подтверждением|\bУЦ\b",
}
"""Words for memory, CPU, thresholds, modes and certificate authorities that the catalogues do not use."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_thing_has_one_word(language: str) -> None:
    texts = {key: text for key, text in message_sources(language).items() if key != "table-memory"}
    assert {key: found[0] for key, text in texts.items() if (found := re.search(OTHER_WORDS[language], text))} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_breaks_between_a_figure_and_its_unit(language: str) -> None:
    loose = r"[\d}](?:| )%|[\d}] (?:GiB|ГиБ|vCPU|min|мин|Mbit/s|Мбит/с)\b|\bиз (?:\d|\{ \$\w+ \})"
    assert [key for key, text in message_sources(language).items() if re.search(loose, text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_figures_of_tables_are_written_as_in_sentences(language: str) -> None:
    texts = texts_for(language)
    assert texts.text("table-ratio", value=7.31) in texts.text("after-cpu", after=7.31)
    assert texts.text("table-percent", value=52) in texts.text("after-memory", after=52)


# HTML ----------------------------------------------------------------------------------------------


def tags(markup: str) -> list[str]:
    return re.findall(r"<[^>]*>?", markup)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("file", OURS)
def test_hostile_names_cannot_change_html(language: str, file: str) -> None:
    for key in sorted(keys_used_as("html") & messages(language, file).keys()):
        for harmless, hostile in zip(samples(key, "x"), samples(key, HOSTILE), strict=True):
            stays_what_it_is(texts_for(language), key, harmless, hostile)


def test_every_html_message_is_tested() -> None:
    assert len(keys_used_as("html")) > 100
    assert keys_used_as("html") <= set(every())


def stays_what_it_is(texts: Texts, key: str, harmless: dict[str, Any], hostile: dict[str, Any]) -> None:
    markup, calm = str(texts.html(key, **hostile)), str(texts.html(key, **harmless))
    plain, entities = parse_html(markup)
    expected_plain, expected = parse_html(calm)
    assert tags(markup) == tags(calm), key
    assert [e["type"] for e in entities] == [e["type"] for e in expected], key
    assert "\x1b" not in markup and "\u202e" not in markup, key
    if HOSTILE in hostile.values():
        assert one_line(HOSTILE) in plain or plain == expected_plain, key  # a selector alone says nothing of it


@pytest.mark.parametrize("language", LANGUAGES)
def test_plain_text_keeps_hostile_names_on_their_line(language: str) -> None:
    for key in every():
        arguments = {name: 3 if name in merged(key).numbers else HOSTILE for name in merged(key).names}
        words = texts_for(language).text(key, **arguments)
        assert "\x1b" not in words and "\u202e" not in words, key


# What cannot go wrong ------------------------------------------------------------------------------

ARGUMENTS: dict[str, Any] = {
    "empty": "",
    "null": None,
    "one": "x",
    "long": "n" * 300,
    "very long": "n" * 30_000,
    "very long and escaped": "&" * 30_000,
    "markup": Markup("<b>x</b>"),
    "very long markup": Markup("<b>x</b>") * 5_000,
    "hostile": HOSTILE + "{ $vm } { NUMBER($x) } \ud800 \r\n",
    "number": 10**300,
    "endless number": 10**5000,
    "negative": -1,
    "infinite": float("inf"),
    "not a number": float("nan"),
    "true": True,
    "list": ["a", "<b>"],
    "bytes": b"\xff",
}


@pytest.mark.parametrize("value", ARGUMENTS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_message_accepts_any_argument(language: str, value: str) -> None:
    texts = Texts(language)
    for file in FILES:
        for key in messages(language, file):
            arguments = dict.fromkeys(merged(key).names, ARGUMENTS[value])
            plain, markup = texts.text(key, **arguments), str(texts.html(key, **arguments))
            for shown in (plain, markup):
                assert len(shown) < 16_000 and not any(c in shown for c in "\x1b\u202e\r\ud800"), key
            parse_html(markup)


@pytest.mark.parametrize("language", LANGUAGES)
def test_long_argument_is_cut_and_the_rest_of_the_message_stays(language: str) -> None:
    words = Texts(language).text("rejection-line", name="n" * 30_000, reason="r" * 30_000)
    assert words.startswith("n" * 50) and "r" * 400 in words and len(words) < 700


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_of_a_newer_version_shows_its_code(language: str) -> None:
    reason = Reason.of("made-up-later", node="<b>", count=3)
    texts = Texts(language)
    assert texts.reason(reason) == "reason-made-up-later"
    assert texts.reason_html(Reason("<b>")) == Markup("reason-&lt;b&gt;")
    assert texts.html("<i>") == Markup("&lt;i&gt;")
    assert texts.text("popup-noted") == "popup-noted", "an argument is missing"


def test_a_moment_in_a_reason_is_shown_in_the_readers_zone() -> None:
    reason = Reason.of("snoozed-until", until="2026-12-01 02:09 UTC", who="Anna UTC")
    assert "until 2026-12-01 05:09" in texts_for("en", ZoneInfo("Europe/Moscow")).reason(reason)
    assert "Anna UTC" in texts_for("en", ZoneInfo("Europe/Moscow")).reason(reason), "a name is no moment"


@pytest.mark.parametrize("language", LANGUAGES)
def test_plain_text_messages_have_no_markup(language: str) -> None:
    texts = texts_for(language)
    for key in sorted(keys_used_as("text") & set(every())):
        for arguments in samples(key, "x"):
            assert not re.search(r"[<>&]", texts.text(key, **arguments)), key


# Where room is short -------------------------------------------------------------------------------


def test_every_popup_is_tested() -> None:
    """What is handed to ``query.answer``, or is the popup of a deed, is a popup-… or the general problem."""
    popups = {u.key for u in uses() if u.popup}
    assert {k for k in popups if not k.startswith("popup-")} <= {"problem"}
    assert "popup-viewer" in popups and "popup-old" in popups


def longest(language: str, key: str) -> str:
    texts = texts_for(language)
    lengths = {"duration": texts.text("duration-hours-minutes", hours=47, minutes=59)}
    output = [texts.text(key, **{**a, **{n: v for n, v in lengths.items() if n in a}}) for a in samples(key, LONG)]
    return max(output, key=len)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_popup_fits_with_long_names(language: str) -> None:
    result = {key: longest(language, key) for key in [*every("popup-"), "problem"]}
    before = max(result["popup-approved"], result["popup-approved-all"], key=len)
    result["popup-paused"] = texts_for(language).text("popup-paused", text=before)
    assert {key: text for key, text in result.items() if len(text) > POPUP_LIMIT} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_button_fits_beside_another(language: str) -> None:
    texts = texts_for(language)
    output = [texts.text(key, **dict.fromkeys(merged(key).names, 9)) for key in every("button-")]
    assert output and [text for text in output if len(text) > BUTTON_LIMIT] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_headings_of_tables_fit_their_columns(language: str) -> None:
    texts = texts_for(language)
    assert {key: width for key, width in COLUMNS.items() if len(texts.text(key)) > width} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_menu_entries_are_short_enough_to_be_read(language: str) -> None:
    """Telegram takes 256 characters and shows about forty."""
    texts = texts_for(language)
    assert [name for name in MENU if not 3 <= len(texts.text(f"menu-{name}")) <= 40] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_messages_parsed_one_by_one_are_those_of_the_whole_files(language: str) -> None:
    """Messages are separated in their files by their first lines, and parsed at their first use."""
    whole = messages(language, *FILES)
    cut = {
        key: FluentParser().parse(source.replace(NO_BREAK, " ")).body[0]
        for key, source in message_sources(language).items()
    }
    assert cut.keys() == whole.keys()
    assert [key for key in whole if not whole[key].equals(cut[key], ignored_fields=["span", "comment"])] == []
