### Every reason of the core (balancer/reasons.py), one message a code: reason-<code>.
### Plain text. Clauses that follow a colon or a dash: lower case, no full stop.

## A node, as source or target

reason-node-figure-unknown = { $figure ->
    [cpus] the number of CPUs
    [vcpus] the number of allocated vCPUs
    [memory] the size of the memory
   *[allocated] the amount of allocated memory
 } of { $role ->
    [source] the source node
    [target] the target node
   *[node] the node
 } is unknown
reason-node-state = { $role ->
    [source] the source node
   *[target] the target node
 } is not active, its state is “{ $state }”
reason-node-state-unknown = the state of { $role ->
    [source] the source node
   *[target] the target node
 } is unknown
reason-node-maintenance = { $role ->
    [source] the source node
   *[target] the target node
 } is in maintenance mode
reason-node-excluded = { $role ->
    [source] the node is excluded as a source
   *[target] the node is excluded as a target
 }
reason-node-live-migration-off = the panel allows no live migration on { $role ->
    [source] the source node
   *[target] the target node
 }
reason-node-busy = { $role ->
    [source] the source node
   *[target] the target node
 } is taking part in another migration

## A node as target

reason-target-creation-blocked = new VMs are blocked on the target node
reason-target-creation-unknown = it is unknown whether the target node takes new VMs
reason-target-filter = the target node has a placement filter
reason-target-vm-limit = the target node is full: { NUMBER($count) } { $count ->
    [one] VM
   *[other] VMs
 }, its limit is { NUMBER($limit) }
reason-target-cluster-vm-limit = the target node is full: { NUMBER($count) } { $count ->
    [one] VM
   *[other] VMs
 }, the cluster's limit is { NUMBER($limit) } per node
reason-target-overloaded = the target node is overloaded itself: { $resource ->
    [pressure] CPU pressure { NUMBER($value, maximumFractionDigits: 1) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
    [load] load { LOAD($value, $limit) } per CPU (limit { NUMBER($limit, maximumFractionDigits: 2) })
    [cpu] CPU { CPU($value, $limit) } (limit { NUMBER($limit, maximumFractionDigits: 2) })
   *[memory] memory { MEMORY($value, $limit) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
 }
reason-target-reserved = { NUMBER($vcpus) } vCPU and { NUMBER($memory_gib, maximumFractionDigits: 1) } GiB of the target are reserved for a new VM
reason-target-score = the target's CPU load score is { CPU($value, $limit) }, it must be below { NUMBER($limit, maximumFractionDigits: 2) }
reason-target-memory = the target's memory is { MEMORY($value, $limit) } % allocated, it must be below { NUMBER($limit, maximumFractionDigits: 2) } %

## Source and target together

reason-pair-other-cluster = the target node is in another cluster
reason-pair-same-node = the VM is on this node already
reason-pair-filter = other placement filters apply on the target node than on the source node
reason-pair-qemu-older = QEMU { $target } on the target is older than QEMU { $source } on the source
reason-pair-qemu-unknown = the QEMU versions of source and target cannot be compared
reason-pair-kernel-newer = kernel { $target } on the target is newer than kernel { $source } on the source
reason-pair-kernel-unknown = the kernel versions of source and target cannot be compared

## The VM on the target

reason-fit-cpu = the target's CPU would reach { CPU($value, $limit) }, it must stay below { NUMBER($limit, maximumFractionDigits: 2) }
reason-fit-memory = the target's memory would reach { MEMORY($value, $limit) } %, it must stay below { NUMBER($limit, maximumFractionDigits: 2) } %
reason-fit-load = the target's measured load would reach about { LOAD($value, $limit) } per CPU, it must stay below { NUMBER($limit, maximumFractionDigits: 2) }
reason-fit-memory-available = only { NUMBER($available_gib, maximumFractionDigits: 1) } GiB of memory are available on the target, { NUMBER($needed_gib, maximumFractionDigits: 1) } GiB are needed
reason-fit-pin = the rule “{ $rule }” allows other nodes only
reason-fit-just-left = the VM left this node less than a day ago; it is not moved back yet
reason-fit-apart = the rule “{ $rule }” keeps it apart from { $vms ->
    [one] a VM
   *[other] { NUMBER($vms) } VMs
 } there
reason-fit-together = the rule “{ $rule }” keeps it with { $vms ->
    [one] another VM
   *[other] { NUMBER($vms) } other VMs
 } on its node

## The same for counting, "12 × CPU would be too full"

reason-brief-node-figure-unknown = a figure is unknown
reason-brief-node-state = not active
reason-brief-node-state-unknown = state unknown
reason-brief-node-maintenance = in maintenance
reason-brief-node-excluded = excluded as a target
reason-brief-node-live-migration-off = live migration is off
reason-brief-node-busy = busy with another migration
reason-brief-target-creation-blocked = new VMs are blocked
reason-brief-target-creation-unknown = unknown whether new VMs are allowed
reason-brief-target-filter = has a placement filter
reason-brief-target-vm-limit = VM limit reached
reason-brief-target-cluster-vm-limit = the cluster's VM limit reached
reason-brief-target-overloaded = overloaded
reason-brief-target-reserved = room is reserved for a new VM
reason-brief-target-score = CPU load score too high
reason-brief-target-memory = memory too full
reason-brief-pair-other-cluster = in another cluster
reason-brief-pair-same-node = the VM is on it already
reason-brief-pair-filter = other placement filters
reason-brief-pair-qemu-older = QEMU older than the source's
reason-brief-pair-qemu-unknown = QEMU version unknown
reason-brief-pair-kernel-newer = kernel newer than the source's
reason-brief-pair-kernel-unknown = kernel version unknown
reason-brief-fit-cpu = CPU would be too full
reason-brief-fit-memory = memory would be too full
reason-brief-fit-load = measured load would be too high
reason-brief-fit-memory-available = too little memory available
reason-brief-fit-pin = not allowed by its rule
reason-brief-fit-just-left = the VM left it less than a day ago
reason-brief-fit-apart = has a VM that must be kept apart
reason-brief-fit-together = would split its group

## A cluster

reason-cluster-virtualization = no live migration with { $virtualization }
reason-cluster-virtualization-unknown = no migration: the virtualization is unknown, and only KVM migrates live
reason-cluster-all-opted-out = { $vms ->
    [one] the only VM has the balancer switched off
   *[other] all { NUMBER($vms) } VMs have the balancer switched off
 }: see RESPECT_BALANCER_MODE

## Why a node counts as overloaded

reason-overload-cpu = CPU { CPU($value, $limit) } (limit { NUMBER($limit, maximumFractionDigits: 2) })
reason-overload-memory = memory { MEMORY($value, $limit) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
reason-overload-both = CPU { CPU($cpu, $cpu_limit) } (limit { NUMBER($cpu_limit, maximumFractionDigits: 2) }), memory { MEMORY($memory, $memory_limit) } % (limit { NUMBER($memory_limit, maximumFractionDigits: 2) } %)
reason-overload-load = load { LOAD($value, $limit) } per CPU (limit { NUMBER($limit, maximumFractionDigits: 2) })
reason-overload-pressure = CPU pressure { NUMBER($value, maximumFractionDigits: 1) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
reason-overload-pressure-memory = CPU pressure { NUMBER($pressure, maximumFractionDigits: 1) } % (limit { NUMBER($pressure_limit, maximumFractionDigits: 2) } %), memory { MEMORY($memory, $memory_limit) } % (limit { NUMBER($memory_limit, maximumFractionDigits: 2) } %)
reason-overload-load-memory = load { LOAD($load, $load_limit) } per CPU (limit { NUMBER($load_limit, maximumFractionDigits: 2) }), memory { MEMORY($memory, $memory_limit) } % (limit { NUMBER($memory_limit, maximumFractionDigits: 2) } %)

## Why a node stays overloaded

reason-source-no-movable-vm = { $vms ->
    [0] there is no VM on it
    [one] its only VM cannot be moved
   *[other] none of its { NUMBER($vms) } VMs can be moved
 }
reason-source-not-enough = { $moved ->
    [one] its only movable VM is not enough
   *[other] its { NUMBER($moved) } movable VMs are not enough
 }
reason-source-no-target = no node can take its VMs
reason-source-no-fit = { $vms ->
    [one] its movable VM fits on no node
   *[other] its { NUMBER($vms) } movable VMs fit on no node
 }
reason-source-budget = the limit of { NUMBER($limit) } { $limit ->
    [one] migration
   *[other] migrations
 } per check is used up; the next checks continue
reason-source-unclearable-few = { $vms ->
    [one] its only movable VM is not enough under any plan
   *[other] its { NUMBER($vms) } movable VMs are not enough under any plan
 }
reason-source-unclearable-large = { $vms ->
    [one] its movable VM is too large for every other node, even if everything that may leave that node has left
   *[other] too many of its { NUMBER($vms) } movable VMs are too large for every other node, even if everything that may leave that node has left
 }
reason-source-unclearable-qemu = no other node that takes VMs has QEMU ≥ { $version }
reason-source-unclearable-kernel = no other node that takes VMs has a kernel ≤ { $version }
reason-source-no-room = { $vms ->
    [one] no plan was found with room for its movable VM
   *[other] no plan was found with room for enough of its { NUMBER($vms) } movable VMs
 }
reason-source-hard-targets = no node below the target thresholds has room for enough of its VMs
reason-source-hold = overloaded only recently: { $checks ->
    [one] one more check
   *[other] { NUMBER($checks) } more checks
 } must confirm it

## A VM

reason-vm-state = the VM is not active, its state is “{ $state }”
reason-vm-state-unknown = the state of the VM is unknown
reason-vm-iso = an ISO image is mounted
reason-vm-iso-unknown = it is unknown whether an ISO image is mounted
reason-vm-snapshots = the VM has { NUMBER($count) } { $count ->
    [one] snapshot
   *[other] snapshots
 }
reason-vm-snapshots-unknown = it is unknown whether the VM has snapshots
reason-vm-disabled = the VM is disabled
reason-vm-rescue = the VM is in rescue mode
reason-vm-change-pending = a new size of the VM waits for a restart
reason-vm-restricted = restrictions left from VMmanager 5: { $restrictions }
reason-vm-nested = nested virtualization is on
reason-vm-opted-out = the balancer is switched off for this VM
reason-vm-ignored = excluded by the rule “{ $rule }”
reason-vm-stays = kept on its node by the rule “{ $rule }”
reason-vm-size-unknown = the size of the VM is unknown
reason-vm-cooldown = migrated recently, may move again in { NUMBER($minutes) } min
reason-vm-quarantine = its last migration failed, may be tried again in { NUMBER($minutes) } min
reason-vm-skipped-always = never proposed, set by { $who }
reason-vm-skipped = skipped by an admin, may be proposed again in { NUMBER($minutes) } min
reason-vm-busy = the VM is taking part in a migration
reason-vm-fits-nowhere = { NUMBER($vcpus) } vCPU and { NUMBER($memory_gib, maximumFractionDigits: 2) } GiB fit on none of the other { NUMBER($targets) } { $targets ->
    [one] node
   *[other] nodes
 }

## Why a move

reason-move-smallest = { $tried ->
    [0] the smallest VM that may leave
   *[other] the smallest VM that fits anywhere
 } ({ $resource ->
    [pressure] CPU pressure { NUMBER($value, maximumFractionDigits: 1) } %, limit { NUMBER($limit, maximumFractionDigits: 2) } %
    [load] load { LOAD($value, $limit) } per CPU, limit { NUMBER($limit, maximumFractionDigits: 2) }
    [cpu] CPU { CPU($value, $limit) }, limit { NUMBER($limit, maximumFractionDigits: 2) }
   *[memory] memory { MEMORY($value, $limit) } %, limit { NUMBER($limit, maximumFractionDigits: 2) } %
 }); { $targets ->
    [one] the only possible target
   *[other] the least loaded of { NUMBER($targets) } possible targets
 } (score { CPU($score) })
reason-move-relieve = { $vms ->
    [one] this VM alone relieves the node
   *[other] one of { NUMBER($vms) } VMs that relieve the node together
 } ({ $resource ->
    [pressure] CPU pressure { NUMBER($value, maximumFractionDigits: 1) } %, limit { NUMBER($limit, maximumFractionDigits: 2) } %
    [load] load { LOAD($value, $limit) } per CPU, limit { NUMBER($limit, maximumFractionDigits: 2) }
    [cpu] CPU { CPU($value, $limit) }, limit { NUMBER($limit, maximumFractionDigits: 2) }
   *[memory] memory { MEMORY($value, $limit) } %, limit { NUMBER($limit, maximumFractionDigits: 2) } %
 }); about { NUMBER($seconds, maximumFractionDigits: 0) } s
reason-move-partly = the node cannot be fully relieved, but this reduces its overload ({ $resource ->
    [pressure] CPU pressure { NUMBER($value, maximumFractionDigits: 1) } %, limit { NUMBER($limit, maximumFractionDigits: 2) } %
    [load] load { LOAD($value, $limit) } per CPU, limit { NUMBER($limit, maximumFractionDigits: 2) }
    [cpu] CPU { CPU($value, $limit) }, limit { NUMBER($limit, maximumFractionDigits: 2) }
   *[memory] memory { MEMORY($value, $limit) } %, limit { NUMBER($limit, maximumFractionDigits: 2) } %
 }); about { NUMBER($seconds, maximumFractionDigits: 0) } s
reason-move-make-room = makes room for { $vm }, which relieves { $node }
reason-move-even = evens out the load: the node has CPU { CPU($cpu) } and memory { MEMORY($memory) } %, the mean is { CPU($mean_cpu) } and { MEMORY($mean_memory) } %
reason-caution-cpu-passthrough = the VM uses the host's CPU model: it may freeze if the CPUs of the two nodes differ
reason-caution-totals = the panel contradicts itself about { $node }: its total is { NUMBER($total) } VMs, its list has { NUMBER($listed) }; the larger figures count
reason-caution-above-cpu-target = { $node } would reach CPU load score { CPU($value, $limit) }, above the target threshold { NUMBER($limit, maximumFractionDigits: 2) }
reason-caution-above-memory-target = { $node } would reach memory { MEMORY($value, $limit) } %, above the target threshold { NUMBER($limit, maximumFractionDigits: 2) } %
reason-caution-versions-unknown = not all QEMU and kernel versions of the two nodes are known

## Which rule chose the moves of a plan

reason-choice-as-good = no other plan is clearly better
reason-choice-clears-more = smaller VMs first would leave { $documented ->
    [one] 1 node overloaded
   *[other] { NUMBER($documented) } nodes overloaded
 }, this plan { $left ->
    [0] none
   *[other] { NUMBER($left) }
 }
reason-choice-fewer-moves = smaller VMs first would take { NUMBER($documented) } moves instead of { NUMBER($moves) }
reason-choice-steadier = smaller VMs first would move VMs that are often less busy than now, so { $nodes ->
    [one] a node
   *[other] { NUMBER($nodes) } nodes
} could soon be overloaded again
reason-choice-set = set by an administrator

## Rules about VMs that are broken already

reason-caution-not-apart = the rule “{ $rule }” is broken on { $node }: { $names }{ $more ->
    [0] {""}
   *[other] {" "}and { NUMBER($more) } more
 } are together there
reason-caution-not-together = the rule “{ $rule }” is broken: its { NUMBER($vms) } VMs are on { $nodes ->
    [one] one node
   *[other] { NUMBER($nodes) } nodes
 }
reason-caution-off-pin = the rule “{ $rule }” is broken: { $vm } is on { $node }

## The check right before a migration

reason-vm-gone = the VM no longer exists
reason-vm-place-unknown = it is unknown on which node the VM is
reason-vm-elsewhere = the VM is on { $node } now
reason-already-there = the VM is on the target node already
reason-target-gone = the target node no longer exists
reason-source-relieved-load = the source node is no longer overloaded: load { LOAD($load) } per CPU, memory { MEMORY($memory) } %
reason-source-relieved = the source node is no longer overloaded: CPU { CPU($cpu) }, memory { MEMORY($memory) } %
