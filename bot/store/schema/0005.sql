-- What a person asked for, and when it may begin.

-- Why a proposal was made (balancer.model.Purpose), and of one that a person asked for: who, for which node, and
-- which migration it takes back.
ALTER TABLE proposal ADD COLUMN purpose TEXT NOT NULL DEFAULT 'balance';
ALTER TABLE proposal ADD COLUMN by_kind TEXT;
ALTER TABLE proposal ADD COLUMN by_name TEXT;
ALTER TABLE proposal ADD COLUMN by_id INTEGER;
ALTER TABLE proposal ADD COLUMN node_id INTEGER;
ALTER TABLE proposal ADD COLUMN undoes INTEGER;

-- A migration is taken back once, whoever presses first.
CREATE UNIQUE INDEX proposal_undoes ON proposal (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX proposal_wishes ON proposal (node_id) WHERE node_id IS NOT NULL;

-- Until when a skipped VM is left alone; NULL: for as long as the settings say.
ALTER TABLE decision ADD COLUMN rests_until TEXT;

-- Approved for later: not started before.
ALTER TABLE migration ADD COLUMN not_before TEXT;
ALTER TABLE first_approval ADD COLUMN not_before TEXT;

-- Made by a drain, which ends it when it is stopped.
ALTER TABLE exclusion ADD COLUMN proposal_id INTEGER;

-- VMs that a person never wants to see proposed, until someone takes that back.
CREATE TABLE ignored_vm (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    vm_id INTEGER NOT NULL,
    vm_name TEXT NOT NULL,
    cluster_id INTEGER NOT NULL,
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL,
    by_id INTEGER,
    at TEXT NOT NULL,
    ended_at TEXT,
    ended_by TEXT
);

CREATE UNIQUE INDEX ignored_vm_active ON ignored_vm (vm_id) WHERE ended_at IS NULL;

-- Clusters of which nothing is proposed for a while. The nodes that were overloaded then do not end it.
CREATE TABLE snooze (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster_id INTEGER NOT NULL,
    cluster_name TEXT NOT NULL,
    until TEXT NOT NULL,
    overloaded TEXT NOT NULL,
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL,
    by_id INTEGER,
    at TEXT NOT NULL,
    ended_at TEXT
);

CREATE INDEX snooze_active ON snooze (ended_at, cluster_id);

DROP VIEW move_state;

-- A move with its decision, its first approval and its migration, as the program reads it.
CREATE VIEW move_state AS
    SELECT m.id, m.proposal_id, m.position, m.cluster_id, m.vm_id, m.source_id, m.target_id, m.state,
           d.by_kind, d.by_name, d.by_id, d.at AS decided_at, d.verdict, d.rests_until,
           f.by_kind AS first_kind, f.by_name AS first_name, f.by_id AS first_id, f.at AS first_at,
           f.not_before AS first_not_before,
           g.id AS migration_id, g.state AS migration_state, g.queued_at, g.not_before, g.started_at, g.finished_at,
           g.consul_id, g.task_id, g.history_mark, g.reason, g.error
      FROM move m
      LEFT JOIN decision d ON d.move_id = m.id
      LEFT JOIN first_approval f ON f.move_id = m.id
      LEFT JOIN migration g ON g.move_id = m.id;
