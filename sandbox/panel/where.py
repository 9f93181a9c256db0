"""The panel's `?where=` filter: `((id+EQ+5)+AND+(name+CP+'%web%'))`.

Only what public clients use: EQ, CP (pattern with %), AND, OR, nested parentheses, quoted
strings and numbers. A column that the list does not have is answered with HTTP 500, as clients report.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sandbox.panel.http import BAD_COLUMN, BAD_REQUEST, ApiError

Predicate = Callable[[Any], bool]
Columns = dict[str, Callable[[Any], Any]]

_TOKEN = re.compile(r"""\s*(?:([()])|'([^']*)'|"([^"]*)"|([A-Za-z_][\w.]*)|(-?\d+(?:\.\d+)?))""")


def compile_where(text: str, columns: Columns) -> Predicate:
    """A test for one record. Raises ApiError for bad grammar (400) and unknown columns (500)."""
    return _Parser(_tokens(text), columns).parse()


def _tokens(text: str) -> list[tuple[str, str]]:
    results: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if not match:
            raise _syntax(text[position : position + 20])
        paren, single, double, word, number = match.groups()
        if paren:
            results.append((paren, paren))
        elif word:
            results.append(("word", word))
        else:
            value = next(part for part in (single, double, number) if part is not None)
            results.append(("value", value))
        position = match.end()
    return results


def _syntax(near: str) -> ApiError:
    return ApiError(400, BAD_REQUEST, "Wrong syntax of the where expression", {"near": near})


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], columns: Columns) -> None:
        self.tokens, self.columns, self.at = tokens, columns, 0

    def parse(self) -> Predicate:
        try:
            result = self._chain("OR")
        except RecursionError as error:
            raise _syntax("too many parentheses") from error
        if self.at != len(self.tokens):
            raise _syntax(self.tokens[self.at][1])
        return result

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise _syntax("end of the expression")
        self.at += 1
        return self.tokens[self.at - 1]

    def _chain(self, joint: str) -> Predicate:
        """Terms joined by OR, each of them terms joined by AND: AND binds tighter."""
        parts = [self._part(joint)]
        while self.at < len(self.tokens) and self.tokens[self.at] == ("word", joint):
            self.at += 1
            parts.append(self._part(joint))
        if len(parts) == 1:
            return parts[0]
        combine = any if joint == "OR" else all
        return lambda record: combine(part(record) for part in parts)

    def _part(self, joint: str) -> Predicate:
        return self._chain("AND") if joint == "OR" else self._term()

    def _term(self) -> Predicate:
        kind, text = self._next()
        if kind == "(":
            inside = self._chain("OR")
            if self._next()[0] != ")":
                raise _syntax(self.tokens[self.at - 1][1])
            return inside
        if kind != "word":
            raise _syntax(text)
        return self._comparison(text)

    def _comparison(self, column: str) -> Predicate:
        operator, value = self._next()[1], self._next()
        if value[0] != "value":
            raise _syntax(value[1])
        get = self.columns.get(column)
        if get is None:
            raise ApiError(500, BAD_COLUMN, f"Unknown column '{column}' in where clause", {"column": column})
        wanted = value[1]
        if operator == "EQ":
            return lambda record: str(get(record)) == wanted
        if operator == "CP":
            pattern = re.compile(".*".join(map(re.escape, wanted.split("%"))), re.IGNORECASE | re.DOTALL)
            return lambda record: pattern.fullmatch(str(get(record))) is not None
        raise _syntax(operator)
