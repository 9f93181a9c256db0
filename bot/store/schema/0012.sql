-- What a migration promised at its start. ``resource``: what its source is judged by. ``vms``: the VMs of both nodes
-- then, as JSON; NULL when nothing is compared with them any more.
CREATE TABLE promise (
    migration_id INTEGER PRIMARY KEY REFERENCES migration (id),
    resource TEXT NOT NULL,
    figures TEXT NOT NULL,
    vms TEXT
);

-- What a finished migration brought, at up to three times after its end.
CREATE TABLE outcome (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    migration_id INTEGER NOT NULL REFERENCES migration (id),
    after_s INTEGER NOT NULL,
    at TEXT NOT NULL,
    promised REAL NOT NULL,
    relieved REAL,
    missing TEXT,
    cause TEXT,
    moves INTEGER NOT NULL,
    figures TEXT NOT NULL,
    UNIQUE (migration_id, after_s)
);
