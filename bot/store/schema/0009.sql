-- What the names in settings and rules meant when they were matched: a protection that matches nothing any more holds.
CREATE TABLE protection (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    thing_id INTEGER NOT NULL,
    cluster_id INTEGER NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (kind, name, thing_id)
) WITHOUT ROWID;
