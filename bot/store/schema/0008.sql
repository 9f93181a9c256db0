-- Rows that could not be read: what they held, why, and since when. The program reads the row's stand-in instead.
CREATE TABLE unreadable (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    place TEXT NOT NULL,
    row_id INTEGER NOT NULL,
    content TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL
);

CREATE UNIQUE INDEX unreadable_row ON unreadable (place, row_id);
