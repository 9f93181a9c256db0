-- The load of each VM: CPU time in milliseconds over a span of seconds, in slots that are wider the older they are.
CREATE TABLE vm_sample (
    vm_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    span_s INTEGER NOT NULL,
    cpu_ms INTEGER NOT NULL,
    covered_ms INTEGER NOT NULL,
    memory_mib INTEGER,
    PRIMARY KEY (at, vm_id)
) WITHOUT ROWID;

CREATE INDEX vm_sample_vm ON vm_sample (vm_id, at);

-- The libvirt name of each VM, as the panel told it once; empty = it tells none.
CREATE TABLE vm_name (
    vm_id INTEGER PRIMARY KEY,
    internal_name TEXT NOT NULL,
    asked_at TEXT NOT NULL
);
