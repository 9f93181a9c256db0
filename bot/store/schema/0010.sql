-- A cluster's overload from the first check that saw it to its end. ``figures``: a JSON list, one object a node.
CREATE TABLE incident (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster_id INTEGER NOT NULL,
    cluster_name TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    ended_at TEXT,
    end_reason TEXT,
    figures TEXT NOT NULL,
    -- the first question, or the last answer: what reminders and escalation count from
    waits_since TEXT NOT NULL,
    reminded INTEGER NOT NULL DEFAULT 0,
    escalated INTEGER NOT NULL DEFAULT 0,
    change TEXT,
    changed_at TEXT,
    -- who said "I'll look", and until when that holds
    looking_until TEXT,
    by_kind TEXT,
    by_name TEXT,
    by_id INTEGER
);

CREATE UNIQUE INDEX incident_open ON incident (cluster_id) WHERE ended_at IS NULL;

ALTER TABLE proposal ADD COLUMN incident_id INTEGER REFERENCES incident (id);

CREATE INDEX proposal_incident ON proposal (incident_id) WHERE incident_id IS NOT NULL;

-- A notice whose end edits its message: what it is about, and whether it is the end.
ALTER TABLE notice ADD COLUMN subject TEXT;

ALTER TABLE notice ADD COLUMN ends INTEGER NOT NULL DEFAULT 0;

-- Where such a notice is shown.
CREATE TABLE notice_message (
    subject TEXT NOT NULL,
    chat_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (subject, chat_id)
) WITHOUT ROWID;
