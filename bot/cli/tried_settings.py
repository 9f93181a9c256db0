"""Shared by `replay` and `policy diff`: settings to try, and the recorded checks to try them on."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from balancer.policy import Policy
from bot.cli.arguments import OPTIONS, settings_of
from bot.cli.output import complain
from bot.cli.parsing import SHOWN
from bot.config.loading import load_settings
from bot.config.settings import POLICY_FIELDS, Settings
from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.service.replays import Record

TRIED: Mapping[str, str] = {
    **POLICY_FIELDS,
    **{f.name: f.name for f in fields(Policy) if f.name in Settings.model_fields and f.name not in POLICY_FIELDS},
}
"""Settings that can be tried -> the field of the policy."""


def no_checks(_settings: Settings) -> list[Any]:
    """No checks: the settings do not start the program, so they need not fit together."""
    return []


def assignments(given: Sequence[str], problems: list[str]) -> dict[str, str]:
    """Field of Settings -> value of ``--set``; adds a line to ``problems`` for each that is no setting."""
    changed = {}
    for text in given:
        name, sign, value = text.partition("=")
        field = name.strip().lower()
        if not sign or field not in TRIED:
            known = ", ".join(sorted(name.upper() for name in TRIED))
            problems.append(f"--set is {text[:SHOWN]!r}: NAME=VALUE is needed, with one of {known}")
        else:
            changed[field] = value.strip()
    return changed


def with_assignments(changed: Mapping[str, str], given: argparse.Namespace) -> Settings:
    """The settings with those of ``--set``.

    Raises:
        ConfigError: a value makes no sense.
    """
    options = {**OPTIONS, **{field: f"--set {field.upper()}" for field in changed}}
    return load_settings(
        {**settings_of(given), **changed}, given.config, options=options, checks=no_checks, problems=[]
    )


def tried_values(changed: Mapping[str, str], given: argparse.Namespace) -> dict[str, Any]:
    """Field of the policy -> the value to try, checked as a setting is.

    Raises:
        ConfigError: a value makes no sense.
    """
    policy = with_assignments(changed, given).policy() if changed else Policy()
    return {TRIED[field]: getattr(policy, TRIED[field]) for field in changed}


def recorded_checks(settings: Settings, days: int) -> Record:
    """The record of the last days.

    Raises:
        ConfigError: nothing was recorded in this time.
        StoreError: the database cannot be read.
    """
    from bot.service.replays import read_record, unreadable_checks
    from bot.store.store import open_for_reading

    until = datetime.now(timezone.utc)

    async def read() -> Record:
        async with open_for_reading(settings.database_path) as store:
            return await read_record(store, until - timedelta(days=days), until)

    record = asyncio.run(read())
    lost = unreadable_checks(record)
    if lost:
        complain(f"{lost} recorded checks of this time cannot be read and are left out; see `vm-balancer db check`")
    if len(record.frames) == lost:
        raise ConfigError(
            [
                f"--days is {days}: no check of this time is recorded in {settings.database_path}. "
                "The program records each check while HISTORY_SNAPSHOTS_DAYS is above 0"
            ]
        )
    return record
