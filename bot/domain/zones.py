"""The time zone that people are told times in: TIMEZONE, or the machine's own. Pure, but for the zones' own data.

``None`` stands for the machine's zone everywhere: Python asks the system for it at each moment, so that daylight
saving holds without anybody naming a zone.
"""

from __future__ import annotations

import difflib
from datetime import datetime, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


def zone_named(name: str) -> tzinfo | None:
    """
    Raises:
        ValueError: there is no such zone; with the nearest names.
    """
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        names = {zone.casefold(): zone for zone in available_timezones()}
        cities = {zone.rsplit("/", 1)[-1].casefold(): zone for zone in names.values()}
        wanted = name.strip().casefold()
        near = [names[n] for n in difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)]
        near = near or [cities[n] for n in difflib.get_close_matches(wanted.replace(" ", "_"), cities, n=1, cutoff=0.8)]
        hint = f": {near[0]} is probably meant" if near else ", such as Europe/Berlin"
        raise ValueError(f"the name of a time zone is needed{hint}") from error


def local(when: datetime, zone: tzinfo | None) -> datetime:
    """The same moment on the clocks of the zone."""
    return when.astimezone(zone)


def at(naive: datetime, zone: tzinfo | None) -> datetime:
    """The moment, in UTC, at which the clocks of the zone show this: where twice the first, where never the next."""
    found = naive.replace(tzinfo=zone) if zone is not None else naive.astimezone()
    return found.astimezone(timezone.utc)
