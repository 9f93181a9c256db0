"""README and docs/ are correct: commands, make targets, files, settings, names; and both READMEs say the same."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest
from stack import ROOT

import vm_balancer
from bot.cli import COMMANDS as PROGRAM_COMMANDS
from bot.config.settings import Settings, env_name
from bot.telegram.commands import COMMANDS, Level

README, RUSSIAN = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.ru.md"))
DOCS = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
PROJECT = {name: (ROOT / name).read_text("utf-8") for name in ("CONTRIBUTING.md", "RELEASE.md", "SECURITY.md")}
PAGES = {
    "README.md": README,
    "README.ru.md": RUSSIAN,
    **PROJECT,
    **{f"docs/{name}": text for name, text in DOCS.items()},
}
CHAT = DOCS["chat.md"]
HEADINGS = {
    "Try it": "Попробовать",
    "Install": "Установка",
    "Set it up": "Настройка",
    "In the chat": "В чате",
    "How it decides": "Как принимаются решения",
    "More": "Дополнительно",
}


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


def code_blocks(text: str) -> list[str]:
    return re.findall(r"^```\w*\n.*?^```$", text, re.MULTILINE | re.DOTALL)


def first_cells(text: str) -> list[str]:
    """The first cell of every row, without the titles of the tables."""
    return [row.split(" | ")[0] for row in re.findall(r"^\| `.+$", text, re.MULTILINE)]


def links(text: str) -> list[str]:
    """Targets of links and pictures inside the repository, without their anchors."""
    return re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text)


# --- README


def test_readme_is_short() -> None:
    assert len(README.encode()) <= 8192 and len(RUSSIAN) <= 8192


def test_readme_in_russian_has_the_same_headings() -> None:
    assert headings(README) == list(HEADINGS)
    assert headings(RUSSIAN) == list(HEADINGS.values())


def test_readme_in_russian_has_the_same_commands_settings_and_links() -> None:
    assert code_blocks(RUSSIAN) == code_blocks(README) != []
    assert first_cells(RUSSIAN) == first_cells(README) != []
    assert set(links(RUSSIAN)) - set(links(README)) == {"README.md", "docs/images/status-phone-ru.png"}
    assert set(links(README)) - set(links(RUSSIAN)) == {"README.ru.md", "docs/images/proposal-en-light-phone.jpg"}
    assert len(re.findall(r"^\d+\. ", README, re.MULTILINE)) == 10
    assert len(re.findall(r"^\d+\. ", RUSSIAN, re.MULTILINE)) == 10


# --- commands


@pytest.mark.parametrize("command", [c.name for c in COMMANDS])
def test_every_command_of_the_chat_is_described(command: str) -> None:
    assert re.search(rf"\| .*`/{command}\b", CHAT), f"/{command} has no row in the table of docs/chat.md"


@pytest.mark.parametrize("page", [CHAT, README], ids=["chat.md", "README.md"])
def test_the_table_of_commands_says_who_may_use_each(page: str) -> None:
    levels = {c.name: "all" if c.level is Level.VIEWER else "admins" for c in COMMANDS}
    for row in re.findall(r"^\| `/.+$", page, re.MULTILINE):
        commands, who = row.replace("\\|", "/").split(" | ")[:2]
        names = re.findall(r"`/(\w+)", commands)
        whose = who.split(", ") if ", " in who else [who] * len(names)
        assert whose == [levels[name] for name in names], row


@pytest.mark.parametrize("command", [c for c in PROGRAM_COMMANDS if c != "run"])
def test_every_command_of_the_program_is_described(command: str) -> None:
    assert f"vm-balancer {command}" in DOCS["command-line.md"]


# --- pages


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"(?:`|^)make ([\w-]+)", PAGES[page], re.MULTILINE)):
        assert re.search(rf"^{target}[\w, ]*:", makefile, re.MULTILINE), f"make {target}"


@pytest.mark.parametrize("page", PAGES)
def test_linked_files_exist(page: str) -> None:
    folder = (ROOT / page).parent
    assert [link for link in links(PAGES[page]) if not (folder / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_settings_are_spelled_as_they_are(page: str) -> None:
    known = {env_name(field) for field in Settings.model_fields}
    others = {"LOG_FILE", "NO_COLOR", "CRASH_POINTS", "SOURCE_DATE_EPOCH"}
    named = set(re.findall(r"`([A-Z]{2,}(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", PAGES[page]))
    assert named <= known | others, named - known - others


def test_every_page_is_in_the_contents() -> None:
    contents = {
        line for block in re.findall(r"```{toctree}\n(.*?)```", DOCS["index.md"], re.DOTALL) for line in block.split()
    }
    assert {name.removesuffix(".md") for name in DOCS} - {"index"} <= contents


def test_reference_of_settings_and_example_file_are_current() -> None:
    command = [sys.executable, str(ROOT / "tools" / "settings_docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_api_page_describes_every_public_name() -> None:
    described = set(re.findall(r"^\.\. (?:auto)?\w+:: (\w+)", DOCS["api.md"], re.MULTILINE)) - {"vm_balancer"}
    assert described == set(vm_balancer.__all__) - {"main"}


def test_pages_show_every_picture() -> None:
    pages = [README, RUSSIAN, *DOCS.values()]
    shown = {name for page in pages for name in re.findall(r"images/([\w.-]+\.(?:jpg|png|svg))", page)}
    assert shown == {path.name for path in (ROOT / "docs" / "images").iterdir()}


# --- the architecture page

ARCHITECTURE = DOCS["architecture.md"]
FOLDERS = "balancer|benchmarks|bot|contrib|deploy|sandbox|tests|tools|vm_balancer"


def names_of(path: str) -> set[str]:
    """Top-level names of a module, and the methods of its classes as ``Class.method``."""
    names: set[str] = set()
    for node in ast.parse((ROOT / path).read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}.{f.name}" for f in node.body if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
            }
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]+\.py)::([\w.]+)`", ARCHITECTURE))), ids="::".join)
def test_architecture_page_names_functions_that_exist(name: tuple[str, str]) -> None:
    path, function = name
    assert function in names_of(path)


@pytest.mark.parametrize("path", sorted(set(re.findall(rf"`((?:{FOLDERS})/[\w./-]*)(?:::[\w.]+)?`", ARCHITECTURE))))
def test_architecture_page_names_files_that_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_architecture_page_has_a_row_for_every_package() -> None:
    packages = {f"bot/{path.name}/" for path in (ROOT / "bot").iterdir() if (path / "__init__.py").exists()}
    packages |= {f"balancer/{path.name}/" for path in (ROOT / "balancer").iterdir() if (path / "__init__.py").exists()}
    table = ARCHITECTURE.split("## Packages")[1].split("## ")[0]
    assert packages <= set(re.findall(r"`([\w/]+/)`", table))


def test_security_page_names_tests_and_files_that_exist() -> None:
    named = {f"tests/{name}" for name in re.findall(r"`(test_\w+\.py)`", PROJECT["SECURITY.md"])}
    named |= set(re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", PROJECT["SECURITY.md"]))
    assert len(named) > 15 and [name for name in sorted(named) if not (ROOT / name).exists()] == []
