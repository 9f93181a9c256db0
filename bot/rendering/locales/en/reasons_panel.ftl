### Reasons that come from what the panel answers. Plain text, as in reasons.ftl.

## What is doubtful and therefore left alone

reason-node-twice = the panel lists { $role ->
    [source] the source node
    [target] the target node
   *[node] the node
 } twice, with different figures
reason-brief-node-twice = listed twice
reason-node-vm-twice = the panel lists the VM “{ $vm }” on { $role ->
    [source] the source node
    [target] the target node
   *[node] the node
 } and on another node; somebody may be moving it
reason-brief-node-vm-twice = a VM is listed on two nodes
reason-node-vms-missing = the panel counts { NUMBER($counted) } VMs on { $role ->
    [source] the source node
    [target] the target node
   *[node] the node
 }, but lists { NUMBER($listed) }
reason-brief-node-vms-missing = the panel counts more VMs than it lists
reason-vm-twice = the panel lists the VM on two nodes (ID { NUMBER($one, useGrouping: 0) } and { NUMBER($other, useGrouping: 0) }); somebody may be moving it
reason-vm-live-migration-off = the panel does not allow live migration for this VM
reason-vm-mode-unknown = its balancer mode “{ $mode }” is unknown; automatic mode leaves the VM alone
reason-fit-not-suitable = the panel does not list the target as suitable for this VM
reason-brief-fit-not-suitable = not suitable according to the panel
reason-cluster-twice = the panel lists the cluster twice, with different figures
reason-cluster-odd-rows = { NUMBER($odd) } of { NUMBER($rows) } VM rows of the cluster cannot be used, so nothing is planned here
reason-cluster-foreign-task = somebody else is working on the cluster: { $task }{ $count ->
    [one] {""}
   *[other] {" "}({ NUMBER($count) } tasks in total)
 }; nothing starts until this ends

## What people should know

reason-remark-node-left-out = { NUMBER($count) } { $count ->
    [one] node
   *[other] nodes
 } without a cluster left out: { $names }
reason-remark-vm-left-out = { NUMBER($count) } { $count ->
    [one] VM
   *[other] VMs
 } without a node or a cluster left out: { $names }
reason-remark-unplaced = { NUMBER($count) } { $count ->
    [one] row
   *[other] rows
} without a cluster left out; `vm-balancer check` names them
reason-remark-word = the panel reports an unknown value: { $field } = “{ $word }” ({ NUMBER($rows) } { $rows ->
    [one] row
   *[other] rows
 })
reason-remark-computed = the panel does not report the allocated { $figure ->
    [vcpus] vCPUs
   *[memory] memory
 } of { NUMBER($count) } { $count ->
    [one] node
   *[other] nodes
 }; the sum of their VMs is used instead: { $names }
reason-remark-sums = the panel's allocated { $figure ->
    [vcpus] vCPUs
   *[memory] memory
 } of { NUMBER($count) } { $count ->
    [one] node
   *[other] nodes
 } equals neither the sum of all VMs nor that of the active ones: { $names }
reason-caution-mode-unknown = its balancer mode “{ $mode }” is unknown; make sure that the VM may be moved
reason-caution-updates-wait = live migration needs a target node whose kernel is not newer and whose QEMU is not older; { NUMBER($count) } { $count ->
    [one] node waits
   *[other] nodes wait
 } for an update: { $names }
reason-remark-vm-metrics = on { $node } the shares of the vCPUs are used instead of the panel’s metrics of the VMs: no known unit makes them fit the load of the node
reason-remark-vm-loads = on { $node } the shares by vCPUs are used instead of the measured loads of the VMs: all VMs together used { NUMBER($vms, maximumFractionDigits: 1) } CPUs, but the node reports { NUMBER($node_cpus, maximumFractionDigits: 1) }
