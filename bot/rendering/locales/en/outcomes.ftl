# The ledger: what migrations brought, beside what they promised.

outcome-relief = { $resource ->
    [memory] relieved { $node } by { NUMBER($relieved, maximumFractionDigits: 1) } of { NUMBER($promised, maximumFractionDigits: 1) } points of memory promised
    [load] relieved { $node } by { NUMBER($relieved, maximumFractionDigits: 2) } of { NUMBER($promised, maximumFractionDigits: 2) } load promised
   *[cpu] relieved { $node } by { NUMBER($relieved, maximumFractionDigits: 2) } of { NUMBER($promised, maximumFractionDigits: 2) } promised
}
outcome-more-relief = { $resource ->
    [memory] relieved { $node } by { NUMBER($relieved, maximumFractionDigits: 1) } points of memory, { NUMBER($promised, maximumFractionDigits: 1) } was promised
    [load] relieved { $node } by { NUMBER($relieved, maximumFractionDigits: 2) } load, { NUMBER($promised, maximumFractionDigits: 2) } was promised
   *[cpu] relieved { $node } by { NUMBER($relieved, maximumFractionDigits: 2) }, { NUMBER($promised, maximumFractionDigits: 2) } was promised
}
outcome-no-relief = { $resource ->
    [memory] did not relieve { $node }: memory rose by { NUMBER($rise, maximumFractionDigits: 1) } points, { NUMBER($promised, maximumFractionDigits: 1) } less was promised
    [load] did not relieve { $node }: load rose by { NUMBER($rise, maximumFractionDigits: 2) }, { NUMBER($promised, maximumFractionDigits: 2) } less was promised
   *[cpu] did not relieve { $node }: CPU rose by { NUMBER($rise, maximumFractionDigits: 2) }, { NUMBER($promised, maximumFractionDigits: 2) } less was promised
}
outcome-after = { $after ->
    [ten-minutes] 10 min
    [hour] 1 h
   *[day] 1 day
}
outcome-with-cause = { $words }: { $cause }
outcome-line = 📉 { $words }
outcome-in-span = { $span } · 📉 { $words }
outcome-in-history = { $state }, { $words }
outcome-missing-node-gone = not compared: the node is gone
outcome-missing-no-figure = not compared: the figure of the node was not known
outcome-missing-vm-gone = not compared: the VM is gone
outcome-missing-vm-back = not compared: the VM is on its old node again
outcome-missing-not-checked = not compared: there was no check at that time
outcome-missing-nothing-promised = not compared: no relief was promised
outcome-cause-vms-grew = VMs that stayed on the node need more now
outcome-cause-others-moved = other VMs came to the node
outcome-cause-vm-carries-less = the moved VMs carry less load than expected
outcome-cause-not-vms = the load is not the load of the VMs
outcome-cause-unknown = the cause is not known
outcomes-broken = ⚠️ { $cluster }: moves bring { $percent }% of what they promise ({ $moves } moves in a week). { $cause }
outcomes-broken-vms-grew = VMs that stay on the nodes grow.
outcomes-broken-others-moved = Other VMs come to the nodes that are relieved.
outcomes-broken-vm-carries-less = The moved VMs carry less load than expected.
outcomes-broken-not-vms = The load of the nodes is not the load of their VMs: look at the nodes themselves.
outcomes-broken-unknown = The cause is not known. Measured loads of VMs help to find it: SSH_ENABLED and VM_METRICS.
digest-kept = 📉 { $count ->
    [one] 1 move was compared
   *[other] { $count } moves were compared
} with the promise: it brought { $percent }% of it (median).
terminal-outcome = { $after }: { $vm } { $source } → { $target }: { $words }
terminal-no-outcomes = No migration has been compared yet.
