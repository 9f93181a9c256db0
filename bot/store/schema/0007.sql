-- Which chats have seen a notice that others have not yet; once all have, only notice.sent_at tells.
CREATE TABLE notice_seen (
    notice_id INTEGER NOT NULL REFERENCES notice (id),
    chat_id INTEGER NOT NULL,
    PRIMARY KEY (notice_id, chat_id)
) WITHOUT ROWID;
