-- A rolling campaign: nodes of a cluster are emptied one after another. ``approved``: a JSON array of who approved all
-- nodes at once. ``version`` rises with each change: of two changes at the same time one counts.
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster_id INTEGER NOT NULL,
    cluster_name TEXT NOT NULL,
    state TEXT NOT NULL,
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL,
    by_id INTEGER,
    created_at TEXT NOT NULL,
    starts_at TEXT,
    ends_at TEXT,
    maintenance INTEGER NOT NULL DEFAULT 0,
    approved TEXT NOT NULL DEFAULT '[]',
    reason TEXT,
    ended_at TEXT,
    version INTEGER NOT NULL DEFAULT 0
);

CREATE UNIQUE INDEX campaign_open ON campaign (cluster_id) WHERE state IN ('running', 'paused');

CREATE TABLE campaign_node (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    position INTEGER NOT NULL,
    node_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    since TEXT NOT NULL,
    proposal_id INTEGER,
    emptied_at TEXT,
    kernel TEXT,
    kernel_after TEXT,
    reason TEXT,
    told INTEGER NOT NULL DEFAULT 0,
    command TEXT,
    UNIQUE (campaign_id, node_id)
);

ALTER TABLE proposal ADD COLUMN campaign_id INTEGER;
ALTER TABLE exclusion ADD COLUMN campaign_id INTEGER;
