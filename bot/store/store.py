"""The store: the database with one part for each subject.

This is the only package that uses aiosqlite. The parts hold queries and the conditions under which a row may change;
they hold no rule of the balancer. Errors are raised as StoreError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.store.aborts import Aborts
from bot.store.audit import Audit
from bot.store.autonomy import Autonomy
from bot.store.campaigns import Campaigns
from bot.store.capacity import Capacity
from bot.store.changes import Changes
from bot.store.check_record import CheckRecord
from bot.store.cycles import Cycles
from bot.store.database import BUSY_TIMEOUT_S, Access, Database
from bot.store.deadlines import StoredDeadlines
from bot.store.decisions import Decisions
from bot.store.exclusions import Exclusions
from bot.store.figures import Figures
from bot.store.heartbeats import Heartbeats
from bot.store.ignored_vms import IgnoredVMs
from bot.store.incidents import Incidents
from bot.store.messages import Messages
from bot.store.migrations import Migrations
from bot.store.notices import Notices
from bot.store.outcomes import Outcomes
from bot.store.proposals import Proposals
from bot.store.protections import StoredProtections
from bot.store.reading import Reader
from bot.store.recent_events import RecentEvents
from bot.store.requests import Requests
from bot.store.reservations import Reservations
from bot.store.retention import Retention
from bot.store.samples import Samples
from bot.store.settings import StoredSettings
from bot.store.snoozes import Snoozes
from bot.store.summaries import Summaries
from bot.store.unreadable import UnreadableRows
from bot.store.vm_samples import VMSamples


class Store(Database):
    """The database and its parts. Call ``await open()`` first, and ``await close()`` at the end."""

    def __init__(
        self, path: Path | str, *, busy_timeout_s: float = BUSY_TIMEOUT_S, access: Access = Access.OWN
    ) -> None:
        super().__init__(path, busy_timeout_s=busy_timeout_s, access=access)
        reader = Reader(path)
        self.proposals = Proposals(self, reader)
        self.incidents = Incidents(self, reader)
        self.decisions = Decisions(self, reader)
        self.migrations = Migrations(self, reader)
        self.outcomes = Outcomes(self, reader)
        self.aborts = Aborts(self, reader)
        self.autonomy = Autonomy(self, reader)
        self.requests = Requests(self, reader)
        self.campaigns = Campaigns(self, reader)
        self.snoozes = Snoozes(self, reader)
        self.recent_events = RecentEvents(self)
        self.ignored_vms = IgnoredVMs(self, reader)
        self.exclusions = Exclusions(self, reader)
        self.reservations = Reservations(self, reader)
        self.settings = StoredSettings(self, reader)
        self.cycles = Cycles(self)
        self.check_record = CheckRecord(self)
        self.samples = Samples(self)
        self.vm_samples = VMSamples(self)
        self.summaries = Summaries(self, self.samples, self.outcomes)
        self.capacity = Capacity(self)
        self.messages = Messages(self)
        self.notices = Notices(self, reader)
        self.heartbeats = Heartbeats(self)
        self.figures = Figures(self, reader)
        self.audit = Audit(self)
        self.changes = Changes(self)
        self.retention = Retention(self)
        self.deadlines = StoredDeadlines(self)
        self.protections = StoredProtections(self)
        self.unreadable = UnreadableRows(self, reader)


@asynccontextmanager
async def open_for_reading(path: Path) -> AsyncIterator[Store]:
    """The database for reading, also while the program runs. Creates and changes nothing.

    Raises:
        StoreError: there is no database, it is damaged, or another version made it.
    """
    store = Store(path, access=Access.READ)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
