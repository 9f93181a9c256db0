"""Records the outcome of a migration, tells the notifier, and writes it to the log."""

from __future__ import annotations

import logging

from bot.domain.modes import ASSIST
from bot.domain.proposals import LastSeen, Migration, MigrationState
from bot.service.context import ServiceContext, UseCase
from bot.service.modes import ClusterModes
from bot.service.plan_log import in_words
from bot.service.restarts import ABORT_RESTARTED, ABORTED, RESTARTED, Restarts, RestartWatch
from bot.service.task_tracker import MigrationEnd

log = logging.getLogger(__name__)


class OutcomeRecorder(UseCase):
    """Shared by all migrations of one executor."""

    def __init__(self, context: ServiceContext, modes: ClusterModes, restarts: Restarts, watch: RestartWatch) -> None:
        super().__init__(context)
        self._modes = modes
        self._restarts = restarts
        self._watch = watch

    async def record(
        self, migration: Migration, outcome: MigrationEnd, *, only_from: MigrationState | None = None
    ) -> None:
        now = self._clock()
        if outcome.reason is not None and outcome.reason.code in (RESTARTED, ABORT_RESTARTED):
            await self._restarts.note(migration)  # before the end is stored: later nothing reads this migration again
        elif _went_wrong(outcome) and await self._modes.of(migration.cluster_id) == ASSIST:
            await self._restarts.note_failure(migration)
        first = migration.started_at is not None and await self._is_first(migration)
        written = await self._store.migrations.advance(
            *(migration.id, outcome.state, now),
            reason=outcome.reason,
            error=outcome.error,
            sighting=self._watch.sighting(migration) if first else None,
            last_seen=self._watch.last_seen(migration) if outcome.state is MigrationState.FAILED else LastSeen(),
            only_from=only_from,
        )
        if not written:
            return
        if outcome.state is not MigrationState.UNKNOWN:
            self._watch.forget(migration)
        self.changed(migration)
        self._notifier.notices_waiting()
        seconds = round((now - (migration.started_at or now)).total_seconds())
        name = migration.move.vm_name
        if outcome.state is MigrationState.SUCCEEDED:
            log.info("VM '%s' is on '%s'", name, migration.move.target_name)
            if outcome.reason is None:
                log.info("Migration completed successfully in %d seconds", seconds)
            else:
                log.error("Migration ended in %d seconds: %s", seconds, _why(outcome))
        elif outcome.state in (MigrationState.FAILED, MigrationState.UNKNOWN):
            log.error("Migration of VM '%s': %s: %s", name, outcome.state.value, _why(outcome))
        else:
            log.warning("VM '%s' was not moved: %s", name, _why(outcome))

    async def _is_first(self, migration: Migration) -> bool:
        """Whether it is the first migration on this panel, or the first one that a person stops."""
        if not await self._store.migrations.arrived_alive():
            return True
        return bool(await self._store.aborts.of([migration.id])) and not await self._store.aborts.proven()

    def changed(self, migration: Migration) -> None:
        self._notifier.proposals_changed(migration.proposal_id)

    async def current(self, migration: Migration) -> Migration:
        stored = await self._store.proposals.move(migration.move_id)
        if stored is None or stored[1].migration is None:
            raise LookupError(f"migration {migration.id} has no row")
        return stored[1].migration


def _went_wrong(outcome: MigrationEnd) -> bool:
    """Whether a migration failed, or nobody knows; not if a person stopped it."""
    stopped = outcome.reason is not None and outcome.reason.code == ABORTED
    return outcome.state in (MigrationState.FAILED, MigrationState.UNKNOWN) and not stopped


def _why(outcome: MigrationEnd) -> str:
    return in_words(outcome.reason) + (f" ({outcome.error})" if outcome.error else "")
