-- Times are UTC texts (2026-11-22T10:30:00.000000Z): they sort as they pass.

CREATE TABLE setting (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL,
    by_id INTEGER,
    at TEXT NOT NULL
);

CREATE TABLE proposal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster_id INTEGER NOT NULL,
    automatic INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    plan TEXT NOT NULL,
    closed_reason TEXT
);

CREATE TABLE move (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    proposal_id INTEGER NOT NULL REFERENCES proposal (id),
    position INTEGER NOT NULL,
    cluster_id INTEGER NOT NULL,
    vm_id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    target_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'skipped', 'expired', 'superseded', 'withdrawn')),
    UNIQUE (proposal_id, position)
);

CREATE INDEX move_pending ON move (state, cluster_id);

CREATE TABLE decision (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    move_id INTEGER NOT NULL UNIQUE REFERENCES move (id),
    verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'skip')),
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL,
    by_id INTEGER,
    at TEXT NOT NULL
);

CREATE INDEX decision_verdict ON decision (verdict, at);

CREATE TABLE migration (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    move_id INTEGER NOT NULL UNIQUE REFERENCES move (id),
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'starting', 'running', 'succeeded', 'failed', 'unknown', 'stale', 'skipped')),
    queued_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    consul_id INTEGER,
    task_id INTEGER,
    -- the newest entry of the VM's history in the panel before the start (0: it was empty, NULL: not told)
    history_mark INTEGER,
    reason TEXT,
    error TEXT
);

CREATE INDEX migration_state ON migration (state, finished_at);

-- A move with its decision and its migration, as the program reads it.
CREATE VIEW move_state AS
    SELECT m.id, m.proposal_id, m.position, m.cluster_id, m.vm_id, m.source_id, m.target_id, m.state,
           d.by_kind, d.by_name, d.by_id, d.at AS decided_at, d.verdict,
           g.id AS migration_id, g.state AS migration_state, g.queued_at, g.started_at, g.finished_at,
           g.consul_id, g.task_id, g.history_mark, g.reason, g.error
      FROM move m
      LEFT JOIN decision d ON d.move_id = m.id
      LEFT JOIN migration g ON g.move_id = m.id;

CREATE TABLE exclusion (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node_id INTEGER NOT NULL,
    node_name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('source', 'target', 'both')),
    until TEXT,
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL,
    by_id INTEGER,
    created_at TEXT NOT NULL,
    ended_at TEXT,
    ended_by TEXT
);

CREATE INDEX exclusion_active ON exclusion (ended_at, node_id);

-- Where a proposal is shown, and what was shown last.
CREATE TABLE message (
    proposal_id INTEGER NOT NULL REFERENCES proposal (id),
    chat_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    page INTEGER NOT NULL DEFAULT 0,
    shown TEXT NOT NULL DEFAULT '',
    final INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (proposal_id, chat_id)
) WITHOUT ROWID;

-- Short messages about events; each is sent once, in order.
CREATE TABLE notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    proposal_id INTEGER REFERENCES proposal (id),
    migration_id INTEGER REFERENCES migration (id),
    body TEXT,
    created_at TEXT NOT NULL,
    sent_at TEXT
);

CREATE INDEX notice_waiting ON notice (sent_at, id);

-- Everything that people changed or tried: the audit trail beside the decisions.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL,
    by_id INTEGER,
    event TEXT NOT NULL,
    detail TEXT NOT NULL
);

CREATE TABLE cycle (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
);
