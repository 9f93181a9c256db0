# An incident: a cluster's overload from its first check to its end.

## What a new plan changes for those who decide
reason-plan-other-vm = { $vm } instead of { $instead }
reason-plan-vm-changed = { $vm } was renamed or resized
reason-plan-vm-moved = { $vm } is on { $source } now
reason-plan-other-target = { $vm } goes to { $target } instead of { $instead }
reason-plan-other-count = { $count ->
    [one] 1 move instead of { $before }
   *[other] { $count } moves instead of { $before }
}
reason-plan-other-order = another order of the same moves
reason-nothing-possible = still overloaded, but nothing can be moved now
reason-node-joined = { $node } is overloaded too
reason-cluster-not-checked = the panel no longer shows this cluster, or CLUSTER_IDS leaves it out
