### The reasons of what people request (balancer/requests/): drain, fill, another target, a move back, and "why not".
### Plain text. Clauses that follow a colon or a dash: lower case, no full stop.

## Why a move

reason-move-chosen = an admin chose this node
reason-move-chosen-relieve = an admin chose this node; the source is overloaded ({ $resource ->
    [load] load { LOAD($value, $limit) } per CPU, limit { NUMBER($limit, maximumFractionDigits: 2) }
    [cpu] CPU { CPU($value, $limit) }, limit { NUMBER($limit, maximumFractionDigits: 2) }
   *[memory] memory { MEMORY($value, $limit) } %, limit { NUMBER($limit, maximumFractionDigits: 2) } %
 })
reason-move-back = the VM returns to its previous node
reason-move-drain = the node is being emptied; { $targets ->
    [one] the only node with room
   *[other] the emptiest of { NUMBER($targets) } nodes with room
 }; about { NUMBER($seconds, maximumFractionDigits: 0) } s
reason-move-drain-packed = the node is being emptied; { $targets ->
    [one] the only node with room
   *[other] of { NUMBER($targets) } nodes with room, the one that leaves enough room for the other VMs
 }; about { NUMBER($seconds, maximumFractionDigits: 0) } s
reason-move-drain-together = the node is being emptied; the rule “{ $rule }” keeps { $vms ->
    [one] the VM
   *[other] { NUMBER($vms) } VMs
 } on one node; about { NUMBER($seconds, maximumFractionDigits: 0) } s
reason-move-fill = brings the node its share: the source has CPU { CPU($cpu) } and memory { MEMORY($memory) } %, the mean is { CPU($mean_cpu) } and { MEMORY($mean_memory) } %

## What cannot be done

reason-drain-together = the rule “{ $rule }” keeps { $vms ->
    [one] it with its group
   *[other] { NUMBER($vms) } VMs together
 }, and no node has room for all of them
reason-drain-no-room = no plan was found with room for it and the other VMs
reason-fill-fair-share = no further VM would even out the load enough to be worth a move: the node has CPU { CPU($cpu) } and memory { MEMORY($memory) } %, the mean is { CPU($mean_cpu) } and { MEMORY($mean_memory) } %
reason-caution-drain-excluded = { $node } is excluded as a source; it is emptied anyway
reason-caution-drain-open = { $node } still takes VMs: exclude it as a target, or VMs will come back

## Why a VM stays where it is

reason-why-not-needed = its node is not overloaded: CPU { CPU($cpu) }, memory { MEMORY($memory) } %
reason-why-not-needed-load = its node is not overloaded: load { LOAD($load) } per CPU, memory { MEMORY($memory) } %
reason-why-even-enough = its node is not overloaded, and its move would not even out the load enough to be worth it
reason-why-smaller-first = { $vms ->
    [one] a smaller VM relieves the node
   *[other] { NUMBER($vms) } smaller VMs relieve the node
 }
reason-why-others = { $vms ->
    [one] another VM relieves the node
   *[other] { NUMBER($vms) } other VMs relieve the node
 }
reason-why-no-target = { $targets ->
    [0] there is no other node
    [one] the only other node may not take it
   *[other] none of the other { NUMBER($targets) } nodes may take it
 }
reason-why-not-enough = its move would not relieve the node
reason-roll-kernel-rule = KERNEL_RULE is “{ $rule }”: if the work brings a newer kernel, VMs cannot move from older nodes to nodes that are done; then set it to off for the campaign, or accept more moves
reason-roll-kernels-differ = kernels differ ({ $versions }): a VM goes only where the kernel is not newer, and this forces a part of the order
reason-roll-qemu-differs = QEMU versions differ ({ $versions }): a VM goes only where QEMU is not older, and this forces a part of the order
