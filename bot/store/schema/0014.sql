-- What is allocated in a cluster and what its nodes have, a row for each six hours: when it is full is told by it.
CREATE TABLE capacity_sample (
    cluster_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    nodes INTEGER NOT NULL,
    cpus INTEGER NOT NULL,
    memory_mib INTEGER NOT NULL,
    vcpus INTEGER NOT NULL,
    allocated_mib INTEGER NOT NULL,
    -- NULL: taken from the samples of the nodes, which do not count VMs
    vms INTEGER,
    PRIMARY KEY (cluster_id, at)
) WITHOUT ROWID;

-- How many VMs of each number of vCPUs there were, a row for each day.
CREATE TABLE size_sample (
    cluster_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    vcpus INTEGER NOT NULL,
    vms INTEGER NOT NULL,
    memory_mib INTEGER NOT NULL,
    PRIMARY KEY (cluster_id, at, vcpus)
) WITHOUT ROWID;
