-- The sign of life of the running program: one row, written anew every few seconds.
CREATE TABLE heartbeat (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    detail TEXT NOT NULL
);
