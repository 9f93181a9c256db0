"""Writes config.env.example and the reference in docs/configuration.md from the fields of Settings: `make settings`.

With `--check` it writes nothing and fails if one of the two is not current.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from bot.cli.arguments import OPTIONS
from bot.config.clusters_file import CLUSTER_FIELDS
from bot.config.parsing import LARGEST_ID
from bot.config.settings import SECTIONS, Settings, env_name, masked
from bot.service.runtime_settings import KEYS

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE, PAGE = ROOT / "config.env.example", ROOT / "docs" / "configuration.md"
MARK = "<!-- Everything below is written by `make settings` from bot/config/settings.py. Edit it there. -->\n"
WIDTH = 118
HEAD = """\
# Settings of VMManager 6 Auto-Balancer. Copy this file to .env and fill it in. An empty line keeps the default.
# Command line options win over the environment, the environment over this file, this file over the defaults.
# A value ends before a space and a #. Put a value that has quotes, " #", or spaces at its ends into 'single quotes'.
"""
KINDS: Mapping[Any, str] = {
    int: "Whole number",
    float: "Number",
    Path: "File",
    tuple[int, ...]: "Numbers, separated by commas",
    tuple[str, ...]: "Names, separated by commas",
}


def main(arguments: list[str]) -> int:
    """Writes both files, or with ``--check`` only compares them. Returns the exit code."""
    page = PAGE.read_text("utf-8")
    wanted = {EXAMPLE: example(), PAGE: page.partition(MARK)[0] + MARK + reference()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not current: run `make settings`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], "utf-8", newline="\n")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


def sections() -> Iterator[tuple[str, list[str]]]:
    """Each title with its fields, in the order of Settings."""
    fields = list(Settings.model_fields)
    starts = [fields.index(first) for first in SECTIONS.values()]
    for title, start, end in zip(SECTIONS, starts, [*starts[1:], len(fields)], strict=True):
        yield title, fields[start:end]


def example() -> str:
    """The text of config.env.example: every setting with its meaning and its default."""
    defaults = masked(Settings())
    lines = [HEAD]
    for title, fields in sections():
        lines.append(f"# --- {title} ---\n")
        for field in fields:
            meaning = textwrap.wrap(meaning_of(field), WIDTH)
            lines.append(
                "\n".join(f"# {line}" for line in meaning) + f"\n{env_name(field)}={defaults[env_name(field)]}\n"
            )
    return "\n".join(lines)


def reference() -> str:
    """The text of docs/configuration.md below the mark: a heading for each setting."""
    parts = ["\n## All settings\n"]
    for title, fields in sections():
        parts.append(f"### {title}\n")
        parts += [entry(field) for field in fields]
    return "\n".join(parts)


def entry(field: str) -> str:
    """One setting: its meaning, then what a value looks like, its default, its option, and where else it can be set."""
    facts = [value_of(field)]
    facts.append(f"Option `{OPTIONS[field]}`" if field in OPTIONS else "No option: other users can see a command line")
    if field in KEYS:
        facts.append("Can be changed while the program runs (`/settings`)")
    if field in CLUSTER_FIELDS:
        facts.append("Can differ by cluster ([clusters file](clusters-file.md))")
    return f"#### `{env_name(field)}`\n\n{escaped(meaning_of(field))}\n\n{'. '.join(facts)}.\n"


def value_of(field: str) -> str:
    """What a value looks like, with the default: `` `approve` (default), `auto` ``."""
    info, default = Settings.model_fields[field], masked(Settings())[env_name(field)]
    if get_origin(info.annotation) is Literal or info.annotation is bool:
        choices = ("true", "false") if info.annotation is bool else get_args(info.annotation)
        return ", ".join(f"`{choice}` (default)" if choice == default else f"`{choice}`" for choice in choices)
    kind = KINDS.get(plain_type(info), "Text") + bounds_of(info)
    return f"{kind}, `{default}` by default" if default else f"{kind}, empty by default"


def plain_type(info: FieldInfo) -> Any:
    """The type without ``None`` and without what ``Annotated`` adds."""
    options = [a for a in get_args(info.annotation) if a is not type(None)]
    annotation = options[0] if get_origin(info.annotation) in (Union, UnionType) else info.annotation
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def bounds_of(info: FieldInfo) -> str:
    """The bounds in words, with a blank before them: `` from 10 to 600``."""
    sources = [*info.metadata, *(m for a in get_args(info.annotation) for m in getattr(a, "__metadata__", ()))]
    flat = [part for source in sources for part in (source, *getattr(source, "metadata", ()))]
    result = {name: getattr(part, name) for part in flat for name in ("ge", "gt", "le") if hasattr(part, name)}
    if LARGEST_ID in result.values():
        return ", an id"
    if "ge" in result and "le" in result:
        return f" from {result['ge']} to {result['le']}"
    words = {"ge": "at least", "gt": "above", "le": "at most"}
    return "".join(f", {words[name]} {value}" for name, value in result.items())


def meaning_of(field: str) -> str:
    return " ".join((Settings.model_fields[field].description or "").split())


def escaped(text: str) -> str:
    """The text for a Markdown page: parts that look like markup are written as code."""
    return text.replace("_ and -", "`_` and `-`").replace("<", "\\<").replace("*", "\\*")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
