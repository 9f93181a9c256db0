# Whether there is room for the VMs of a lost node: the proofs, and what is unknown.
reason-survive-no-node = { $vms ->
    [one] no other node has room for { $vm }
   *[other] no other node has room for { $vm } and the VMs that stay with it ({ NUMBER($vms) } VMs)
 }
reason-survive-sum = { NUMBER($vms) } VMs need { $resource ->
    [vcpus] { NUMBER($need, maximumFractionDigits: 0) } vCPUs, the other nodes that may take them ({ NUMBER($nodes) }) have { NUMBER($free, maximumFractionDigits: 0) } free
    [memory] { NUMBER($need, maximumFractionDigits: 1) } GiB of memory, the other nodes that may take them ({ NUMBER($nodes) }) have { NUMBER($free, maximumFractionDigits: 1) } GiB free
    [load] { NUMBER($need, maximumFractionDigits: 1) } CPUs by their load, the other nodes that may take them ({ NUMBER($nodes) }) have { NUMBER($free, maximumFractionDigits: 1) } free
    [available] { NUMBER($need, maximumFractionDigits: 1) } GiB, the other nodes that may take them ({ NUMBER($nodes) }) have { NUMBER($free, maximumFractionDigits: 1) } GiB of memory really available
   *[vms] { NUMBER($need, maximumFractionDigits: 0) } places below the limits on the number of VMs, the other nodes ({ NUMBER($nodes) }) have { NUMBER($free, maximumFractionDigits: 0) }
 }
reason-survive-large = { NUMBER($vms) } VMs have at least { $vcpus ->
    [one] { NUMBER($vcpus) } vCPU
   *[other] { NUMBER($vcpus) } vCPUs
 } and { NUMBER($memory_gib, maximumFractionDigits: 1) } GiB each, the other nodes ({ NUMBER($nodes) }) have room for { NUMBER($places) } of that size
reason-survive-apart = { NUMBER($vms) } VMs must be on different nodes, only { NUMBER($nodes) } other nodes can take one of them
reason-survive-searched = no placement of all VMs exists: a complete search has tried { NUMBER($tried) } choices
reason-survive-work = not decided: { NUMBER($tried) } choices were tried, neither a placement nor a proof was found
reason-survive-size-unknown = not decided: the size of { $vm } is unknown{ $vms ->
    [one] {""}
   *[other] {" "}(and of { NUMBER($vms) } VMs in all)
 }
reason-survive-node-doubtful = not decided: the panel contradicts itself about { $node }
reason-survive-left-out = no room is left for it
reason-survive-stays = the rule “{ $rule }” lets it run on this node only
reason-move-survive-room = { $nodes ->
    [one] makes room for the VMs of { $node } in case it is lost
   *[other] makes room for the VMs of { $node } and other nodes in case they are lost
 }
reason-move-place-room = makes room on { $node } for a new VM with { $vcpus } vCPU and { NUMBER($memory_gib, maximumFractionDigits: 1) } GiB
reason-vm-keeps-survivable = its move would take away the room for { $node }: if that node is lost, { $vms ->
    [0] room for all its VMs would no longer be certain
    [one] one of its VMs would have no room
   *[other] { NUMBER($vms) } of its VMs would have no room
 } (KEEP_SURVIVABLE)
reason-caution-survive-lost = after these moves the cluster can no longer lose { $node }: { $vms ->
    [0] room for all its VMs is no longer certain
    [one] one of its VMs would have no room
   *[other] { NUMBER($vms) } of its VMs would have no room
 }
reason-caution-survive-local = in { $cluster } the disks are on the nodes: there may be room, but the disks of a lost node are lost with it
reason-caution-survive-busy = { $nodes ->
    [one] a node with a migration in motion counts as taking no VM
   *[other] { NUMBER($nodes) } nodes with a migration in motion count as taking no VM
 }
