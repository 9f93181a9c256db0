-- The record of checks: what each plan was made of. A key frame (chain = NULL) holds everything, each further frame of
-- its chain what changed since the one before.
CREATE TABLE check_frame (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chain INTEGER REFERENCES check_frame (id),
    taken_at TEXT NOT NULL,
    program TEXT NOT NULL,
    data BLOB NOT NULL
);

CREATE INDEX check_frame_taken ON check_frame (taken_at);
CREATE INDEX check_frame_chain ON check_frame (chain);
