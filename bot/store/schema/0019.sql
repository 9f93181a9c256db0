-- Room on a node that is kept free for a new VM. known_vms: the VMs of that size or larger that were on the node then.
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster_id INTEGER NOT NULL,
    cluster_name TEXT NOT NULL,
    node_id INTEGER NOT NULL,
    node_name TEXT NOT NULL,
    vcpus INTEGER NOT NULL,
    memory_mib INTEGER NOT NULL,
    known_vms TEXT NOT NULL,
    until TEXT NOT NULL,
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL,
    by_id INTEGER,
    created_at TEXT NOT NULL,
    ended_at TEXT
);

CREATE INDEX reservation_open ON reservation (ended_at);
