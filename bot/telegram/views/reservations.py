"""Room that is reserved for a new VM: where, until when, by whom. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from bot.domain.reservations import Reservation
from bot.rendering.catalog import Texts
from bot.telegram.views import wording

SHOWN = 5


def reservation_line(texts: Texts, reservation: Reservation, now: datetime) -> Markup:
    return texts.html(
        "reservation-line",
        node=reservation.node_name,
        size=wording.size(texts, reservation.vcpus, reservation.memory_mib),
        until=wording.until(texts, reservation.until, now),
        who=reservation.by.name,
    )


def reservation_lines(texts: Texts, reservations: Sequence[Reservation], now: datetime) -> list[Markup]:
    """A line for each of the first few, and how many more there are."""
    lines = [reservation_line(texts, r, now) for r in reservations[:SHOWN]]
    more = len(reservations) - SHOWN
    return [*lines, texts.html("table-more", count=more)] if more > 0 else lines
