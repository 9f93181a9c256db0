-- A person asked the panel to stop a running migration. ``state``: noted (the first of two persons), sent, accepted,
-- refused, unclear. ``answer``: why it was refused or is unclear.
CREATE TABLE abort (
    migration_id INTEGER PRIMARY KEY REFERENCES migration (id),
    state TEXT NOT NULL,
    at TEXT NOT NULL,
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL,
    by_id INTEGER,
    answer TEXT
);
