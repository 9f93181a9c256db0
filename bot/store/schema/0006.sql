-- Samples of load, for charts and summaries: what the checks saw of each node, in slots that grow with age.
-- Sums and not means, so that slots merge without loss. Whole numbers keep a row small: CPU and load in
-- thousandths, memory in tenths of a percent, times in Unix seconds.

CREATE TABLE sample (
    node_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    span_s INTEGER NOT NULL,
    cluster_id INTEGER NOT NULL,
    checks INTEGER NOT NULL,
    -- how much of the slot the checks stand for, and how much of that the node was overloaded
    covered_s INTEGER NOT NULL,
    overloaded_s INTEGER NOT NULL,
    cpu_sum INTEGER NOT NULL,
    cpu_max INTEGER NOT NULL,
    -- the measured load; no checks: it was not measured
    load_checks INTEGER NOT NULL,
    load_sum INTEGER NOT NULL,
    load_max INTEGER NOT NULL,
    memory_sum INTEGER NOT NULL,
    memory_max INTEGER NOT NULL,
    vms_max INTEGER NOT NULL,
    PRIMARY KEY (at, node_id)
) WITHOUT ROWID;

CREATE INDEX sample_node ON sample (node_id, at);
CREATE INDEX sample_age ON sample (span_s, at);

-- What the nodes were called last.
CREATE TABLE sampled_node (
    node_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);
