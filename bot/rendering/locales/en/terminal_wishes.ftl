# What the terminal says of a new VM's place. Plain text.
terminal-place = Cluster { $cluster } (ID { NUMBER($id, useGrouping: 0) }): { $total ->
    [0] no room for a VM
    [one] room for one more VM
   *[other] room for { NUMBER($total) } more VMs
 } of { $vcpus } vCPU and { NUMBER($gib, maximumFractionDigits: 2) } GiB
terminal-place-node = { $number }. { $effect }, room for { NUMBER($vms) }
