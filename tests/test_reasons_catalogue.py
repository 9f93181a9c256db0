"""Every reason the core can give is registered, worded in both languages, and worded without an error."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest
from fluent.runtime import FluentBundle, FluentResource

from balancer.model import Reason, Scalar
from balancer.reasons import CODES, brief
from bot.rendering.catalog import texts_for
from bot.rendering.fluent_messages import FUNCTIONS

ROOT = Path(__file__).parent.parent
LANGUAGES = ("en", "ru")
CHOICES: dict[str, tuple[Scalar, ...]] = {
    "role": ("source", "target"),
    "figure": ("cpus", "vcpus", "memory", "allocated"),
    "field": ("balancer_mode",),
    "word": ("sometimes",),
    "mode": ("sometimes",),
    "task": ("host_migrate",),
    "resource": ("cpu", "load", "memory", "vcpus", "vms", "available"),
    "state": ("stopped",),
    "node": ("node-7",),
    "source": ("7.2.0",),
    "target": ("6.2.0",),
    "virtualization": ("lxd",),
    "restrictions": ("ipv6, iso",),
    "rule": ("web",),
    "names": ("web-1, web-2",),
    "vm": ("web-1",),
    "who": ("Anna",),
    "hours": ("22:00-06:00",),
}
COUNTS: tuple[Scalar, ...] = (0, 1, 2, 5, 21, 1024)
FIGURES: tuple[Scalar, ...] = (7.456, 0.5, 70)
WHOLE = {
    "counted",
    "listed",
    "total",
    "odd",
    "one",
    "other",
    "rows",
    "checks",
    "count",
    "places",
    "limit",
    "minutes",
    "more",
    "moved",
    "moves",
    "nodes",
    "targets",
    "tried",
    "vcpus",
    "vms",
}


FILES = ("reasons.ftl", "reasons_wishes.ftl", "reasons_panel.ftl", "reasons_survive.ftl", "reasons_assist.ftl")


def text_of(language: str) -> str:
    """Both files: the reasons of the rules, and those of requests."""
    folder = ROOT / "bot" / "rendering" / "locales" / language
    return "\n".join((folder / name).read_text("utf-8") for name in FILES)


def bundle(language: str) -> FluentBundle:
    result = FluentBundle([language], functions=dict(FUNCTIONS), use_isolating=False)
    result.add_resource(FluentResource(text_of(language)))
    return result


def reasons_made_in(folder: Path, files: str = "*.py") -> set[tuple[str, tuple[str, ...]]]:
    """(code, names of the parameters) of every ``Reason.of("…", …)`` and ``Reason("…", ((…), …))``."""
    names = set()
    for path in sorted(folder.rglob(files)):
        for call in (n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)):
            name = ast.unparse(call.func)
            if name == "Reason.of" and isinstance(call.args[0], ast.Constant):
                names.add((call.args[0].value, tuple(sorted(str(k.arg) for k in call.keywords))))
            elif name == "Reason" and call.args and isinstance(call.args[0], ast.Constant):
                pairs = call.args[1].elts if len(call.args) > 1 and isinstance(call.args[1], ast.Tuple) else []
                names.add((call.args[0].value, tuple(ast.literal_eval(p.elts[0]) for p in pairs)))  # type: ignore[attr-defined]
            elif name in ("Reason", "Reason.of"):
                assert path.name in ("reasons.py", "model.py"), f"{path.name}:{call.lineno}: the code is not a literal"
    return names


def test_every_reason_of_the_core_is_registered_and_none_besides() -> None:
    result = reasons_made_in(ROOT / "balancer") | reasons_made_in(ROOT / "bot" / "panel")
    result |= reasons_made_in(ROOT / "bot" / "service", "*vm_loads.py")  # remarks about the snapshot
    registered = {(code, params) for code, params in CODES.items() if not code.startswith("brief-")}
    assert result == registered
    assert len(result) >= 50


def test_every_refusal_of_a_target_has_a_brief_form() -> None:
    full = {code for code in CODES if code.startswith(("node-", "target-", "pair-", "fit-"))} - {"target-gone"}
    assert {brief(Reason(code)).code for code in full} == {code for code in CODES if code.startswith("brief-")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_words_every_code_and_no_other(language: str) -> None:
    ids = re.findall(r"^([a-z][\w-]*) =", text_of(language), re.MULTILINE)
    assert sorted(ids) == sorted(f"reason-{code}" for code in CODES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_a_message_is_worded_without_an_error(language: str, code: str) -> None:
    messages = bundle(language)
    pattern = messages.get_message(f"reason-{code}").value
    assert pattern is not None
    names = CODES[code]
    chosen = [[(n, value) for value in CHOICES[n]] for n in names if n in CHOICES]
    numbers = [n for n in names if n not in CHOICES]
    wordings = set()
    for choice, i in itertools.product(itertools.product(*chosen), range(len(COUNTS) if numbers else 1)):
        figures = {n: COUNTS[i] if n in WHOLE else FIGURES[i % len(FIGURES)] for n in numbers}
        text, errors = messages.format_pattern(pattern, {**dict(choice), **figures})
        assert errors == []
        assert isinstance(text, str) and text.strip() == text and "\n" not in text and "  " not in text
        assert not re.search(r"[<>{}&]|\.$|None", text)
        wordings.add(text)
    assert len(wordings) > 1 or not (numbers or any(len(options) > 1 for options in chosen))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_every_parameter_is_used(language: str, code: str) -> None:
    body = re.search(rf"^reason-{code} =(.*?)(?=^\S*\s=|^#|\Z)", text_of(language) + "\n", re.MULTILINE | re.DOTALL)
    assert body is not None
    wording = re.split(r"^reason-", body[1], flags=re.MULTILINE)[0]
    used = set(re.findall(r"\$(\w+)", wording))
    assert used == set(CODES[code])


@pytest.mark.parametrize(
    ("language", "code", "params", "text"),
    [
        ("en", "vm-snapshots", {"count": 1}, "the VM has 1 snapshot"),
        ("en", "vm-snapshots", {"count": 5}, "the VM has 5 snapshots"),
        ("ru", "vm-snapshots", {"count": 1}, "у ВМ 1 снимок"),
        ("ru", "vm-snapshots", {"count": 3}, "у ВМ 3 снимка"),
        ("ru", "vm-snapshots", {"count": 11}, "у ВМ 11 снимков"),
        ("ru", "vm-snapshots", {"count": 21}, "у ВМ 21 снимок"),
        ("en", "overload-cpu", {"value": 7.456, "limit": 7.0}, "CPU 7.5 (limit 7)"),
        ("en", "overload-cpu", {"value": 7.04, "limit": 7.0}, "CPU 7.04 (limit 7)"),
        ("en", "overload-memory", {"value": 70.3, "limit": 70.0}, "memory 70.3 % (limit 70 %)"),
        ("en", "overload-memory", {"value": 81.7, "limit": 70.0}, "memory 82 % (limit 70 %)"),
        ("ru", "overload-cpu", {"value": 7.456, "limit": 7.0}, "CPU 7,5 (порог 7)"),
        ("en", "source-no-movable-vm", {"vms": 0}, "there is no VM on it"),
        ("en", "node-maintenance", {"role": "source"}, "the source node is in maintenance mode"),
        ("ru", "source-budget", {"limit": 2}, "исчерпан лимит: 2 миграции за проверку, остальные — при следующих"),
        (
            "en",
            "move-smallest",
            {
                "resource": "memory",
                "value": 84.0,
                "limit": 70.0,
                "targets": 1,
                "score": 3.25,
                "tried": 0,
            },
            "the smallest VM that may leave (memory 84 %, limit 70 %); the only possible target (score 3.2)",
        ),
    ],
)
def test_wording(language: str, code: str, params: dict[str, Scalar], text: str) -> None:
    assert texts_for(language).reason(Reason.of(code, **params)).replace("\u00a0", " ") == text
