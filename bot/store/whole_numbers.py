"""Conditions of SQL for rows that hold only figures: such a row is readable if each figure is a number in its range."""

from __future__ import annotations

from collections.abc import Collection, Mapping

LATEST = 2**33
"""Seconds since 1970: the year 2242."""
LARGEST = 2**60
"""A larger figure from a panel is wrong, and does not fit into a column."""


def whole_numbers(limits: Mapping[str, int], *, unknown: Collection[str] = ()) -> str:
    """The condition that each of these columns holds a whole number from 0 to its limit.

    Args:
        limits: column -> the largest number.
        unknown: columns that may also hold NULL.
    """
    conditions = []
    for column, most in limits.items():
        condition = f"typeof({column}) = 'integer' AND {column} BETWEEN 0 AND {most}"
        conditions.append(f"({condition} OR {column} IS NULL)" if column in unknown else condition)
    return " AND ".join(conditions)
