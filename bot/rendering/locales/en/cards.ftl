# Cards of single nodes and VMs, why they are left as they are, where a new VM fits; emptying and filling a node.
menu-vm = One VM
menu-why = Why something was not moved
menu-place = Where a new VM fits
menu-drain = Empty a node
menu-fill = Fill a node again

button-refresh = 🔄 Refresh
button-all-clusters = ‹ All clusters
button-nodes = 🖥 Nodes
button-vm = 🧩 VM
button-vms = 🧩 VMs ({ $count })
button-drain = 🚰 Drain
button-fill = 🪣 Fill
button-heed = ✅ Allow moves
row-drain-now = 🚰 Empty and exclude ({ $count })
row-fill-now = 🪣 Fill ({ $count })

vms-title = <b>{ $node }</b>: { $count ->
    [0] no VM
    [one] 1 VM
   *[other] { $count } VMs, largest first
}
vm-usage = Which VM? Write /vm and its name, or choose its node.
vm-choose = More than one VM is called { $name }. Which one?
vm-title = 🧩 <b>{ $vm }</b> (ID { NUMBER($id, useGrouping: 0) })
vm-place = on <b>{ $node }</b> in { $cluster }
vm-size = { $size } · { $state }
vm-disk = Disk { NUMBER($gib, maximumFractionDigits: 0) } GiB
vm-writes = A migration takes about { $duration }: the VM writes { NUMBER($rate, maximumFractionDigits: 0) } MiB/s meanwhile (median of { $count } of its own)
vm-load = Load { NUMBER($cpus, maximumFractionDigits: 1, minimumFractionDigits: 1) } of { NUMBER($vcpus) } vCPU, mean of { NUMBER($minutes) } min ({ $source }, { $ago } ago)
vm-load-share = Load not measured: estimated from its share of the vCPUs
why-load = Load { NUMBER($cpus, maximumFractionDigits: 1, minimumFractionDigits: 1) } of { NUMBER($vcpus) } vCPU, mean of { NUMBER($minutes) } min ({ $source }, { $ago } ago); plans use it.
vm-label-load = { $vm } · { NUMBER($cpus, maximumFractionDigits: 1, minimumFractionDigits: 1) } CPU
vm-ignored-by = ⏭ Never to be moved: set by { $who }, { $time }.
vm-stays = 🔒 { $reason }
vm-may-go = May go to: { $nodes }
vm-no-target = 🔒 No other node may take it now.
vm-past = <b>Past decisions</b>

why-usage = Write /why and the name of a VM or node, or choose a node.
why-vm-title = ❓ <b>{ $vm }</b> on { $node }
why-answer = <b>{ $reason }</b>
why-keeps = 🔒 { $reason }
why-instead = Moved instead:
why-open = It could go to:
why-move = { $vm }: { $source } → { $target }
why-refused = { $count ->
    [one] { $names }: { $reason }
   *[other] { $count } ({ $names }): { $reason }
}
why-node-title = ❓ ⚠️ <b>{ $node }</b> is overloaded
why-node-fine = ❓ ✅ <b>{ $node }</b> is not overloaded
why-level = { $resource ->
    [cpu] CPU { CPU($value, $limit) } (limit { NUMBER($limit, maximumFractionDigits: 2) })
    [pressure] CPU pressure { NUMBER($value, maximumFractionDigits: 1) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
    [load] Load { LOAD($value, $limit) } per CPU (limit { NUMBER($limit, maximumFractionDigits: 2) })
   *[memory] Memory { MEMORY($value, $limit) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
}
why-not-source = 📤 no VM may leave: { $reason }
why-not-target = 📥 takes no VM: { $reason }
why-leaving = The current plan moves these away:
why-coming = The current plan brings these:

place-usage = { $text } is not a size. Write vCPUs and GiB of memory: /place 8 16
place-hold-usage = Say how long the room is reserved, at most { NUMBER($days) } days: /place 8 16 hold 2h. “{ $text }” is no such length.
place-hold-cluster = In which cluster? Write its name: /place 8 16 hold 2h CLUSTER
reservation-line = 🔒 <b>{ $node }</b>: { $size } reserved { $until }, by { $who }
reservation-about = Migrations keep off this room. The reservation ends by itself, also as soon as a VM of this size or larger is on the node.
button-hold = 🔒 Reserve 2 h
button-place = 📦 Room
row-release = 🔓 Release: { $node }
popup-released = { $node }: the room is no longer reserved.
place-pick = 📦 Where would a new VM fit best? How large is it?
place-title = 📦 <b>{ $cluster }</b>: { $total ->
    [0] no room for a VM
    [one] room for one more VM
   *[other] room for { NUMBER($total) } more VMs
} of { $size }
place-room = <i>fits { NUMBER($vms) } more</i>

drain-choose = 🚰 <b>Which node</b> should be emptied? You see the plan first. Most loaded first.
fill-choose = 🪣 <b>Which node</b> should be filled again? You see the plan first. Most loaded first.
drain-plan = { $count ->
    [0] 🚰 <b>{ $node }</b>: no VM can be moved away.
    [one] 🚰 <b>{ $node }</b>: 1 VM would leave.
   *[other] 🚰 <b>{ $node }</b>: { $count } VMs would leave.
}
fill-plan = { $count ->
    [0] 🪣 <b>{ $node }</b>: no VM would come.
    [one] 🪣 <b>{ $node }</b>: 1 VM would come.
   *[other] 🪣 <b>{ $node }</b>: { $count } VMs would come.
}
wish-staying = { $count ->
    [one] 🔒 1 VM stays. The reason:
   *[other] 🔒 { $count } VMs stay. The reasons:
}
fill-blocked = 🔒 The reason:
popup-heeded = { $vm } may be moved again.
popup-heeded-already = { $vm } may already be moved.

# Emptying and filling a node: the plan, then how far it is.
node-effect = { $node }: CPU { CPU($before) } → { CPU($after) }, memory { MEMORY($memory_before) } → { MEMORY($memory_after) } % ({ $count ->
    [one] 1 VM
   *[other] { $count } VMs
})
drain-excludes = From then on { $node } takes no VM, until somebody includes it or fills it again.
request-by = requested by { $who }
proposal-until-line = ⏳ can be approved until { $time }
drain-waiting = 🚰 <b>{ $node }</b>: { $count ->
    [one] 1 VM waits
   *[other] { $count } VMs wait
} for approval · ≈ { $duration }
drain-progress = 🚰 <b>{ $node }</b>: { $done } of { $count } · ≈ { $duration } left
drain-empty = ✅ <b>{ $node }</b> is empty: { $count ->
    [one] 1 VM
   *[other] { $count } VMs
} moved in { $duration }
drain-ended = 🚰 <b>{ $node }</b>: { $done } of { $count } moved away in { $duration }
drain-nothing = ⏹ <b>{ $node }</b> was not emptied: no VM was moved
fill-waiting = 🪣 <b>{ $node }</b>: { $count ->
    [one] 1 VM waits
   *[other] { $count } VMs wait
} for approval · ≈ { $duration }
fill-progress = 🪣 <b>{ $node }</b>: { $done } of { $count } · ≈ { $duration } left
fill-ended = 🪣 <b>{ $node }</b>: { $done } of { $count } moved here in { $duration }
fill-nothing = ⏹ <b>{ $node }</b> was not filled: no VM was moved
request-arrived-more = ✅ { $count } more moved
request-waiting-more = · { $count ->
    [one] 1 more waits
   *[other] { $count } more wait
}
request-vm-pending = ⏳ { $vm } → { $target }
request-vm-approved = · { $vm } → { $target }
request-vm-skipped = ⏭ { $vm } stays: skipped
request-vm-expired = ⌛ { $vm } stays: nobody approved in time
request-vm-superseded = 🔁 { $vm }: replaced by a newer request
request-vm-withdrawn = ⛔ { $vm } stays: withdrawn
request-vm-queued = · { $vm } → { $target }
request-vm-starting = ▶️ { $vm } → { $target }
request-vm-running = ▶️ { $vm } → { $target } · { $duration }
request-vm-succeeded = ✅ { $vm } → { $target } · { $duration }
request-vm-restarted = ⚠️ { $vm } → { $target }: moved, but restarted
request-vm-failed = ❌ { $vm }, the migration failed: { $reason }
request-vm-failed-stays = ❌ { $vm } stays on { $source }: { $reason }
request-vm-unknown = ❓ { $vm }: outcome unknown
request-vm-stale = 🚫 { $vm } stays: { $reason }
request-vm-not-needed = ⏭ { $vm }: { $reason }
request-vm-called-back = ✋ { $vm } stays: called back
