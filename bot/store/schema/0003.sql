-- The audit trail is append-only, and every entry is sealed together with all before it (bot/store/audit_chain.py).

ALTER TABLE audit ADD COLUMN seal TEXT;

CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER audit_keeps BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER decision_stays BEFORE UPDATE ON decision BEGIN
    SELECT RAISE(ABORT, 'a decision is final');
END;

CREATE TRIGGER decision_keeps BEFORE DELETE ON decision BEGIN
    SELECT RAISE(ABORT, 'a decision is final');
END;

-- Where the chain goes on from, once its oldest entries were let go: the last of them.
CREATE TABLE audit_anchor (
    id INTEGER NOT NULL,
    seal TEXT
);
