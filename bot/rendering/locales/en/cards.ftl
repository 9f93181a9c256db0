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
button-heed = ✅ Move it again
button-drain-now = 🚰 Empty ({ $count })
button-fill-now = 🪣 Fill ({ $count })

vms-title = <b>{ $node }</b>: { $count ->
    [0] no VM
    [one] 1 VM
   *[other] { $count } VMs, largest first
}
vm-usage = Which VM? /vm NAME
vm-choose = More than one VM is called { $name }. Which one?
vm-title = 🧩 <b>{ $vm }</b> (ID { NUMBER($id, useGrouping: 0) })
vm-place = on <b>{ $node }</b> in { $cluster }
vm-size = { $size } · { $state }
vm-disk = Disk { NUMBER($gib, maximumFractionDigits: 0) } GiB
vm-ignored-by = ⏭ { $who } said at { $time } that it is never to be moved.
vm-stays = 🔒 { $reason }
vm-may-go = May go to: { $nodes }
vm-no-target = 🔒 No other node may take it now.
vm-past = <b>Past decisions</b>

why-usage = Why what? /why and the name of a VM or of a node
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
    [cpu] vCPU per CPU
    [load] Load per CPU
   *[memory] Memory, %
}: { NUMBER($value, maximumFractionDigits: 2) }, limit { NUMBER($limit, maximumFractionDigits: 2) }
why-not-source = 📤 gives nothing away: { $reason }
why-not-target = 📥 takes nothing: { $reason }
why-leaving = The plan of now moves away:
why-coming = The plan of now brings:

place-usage = { $text } is no size. Write vCPUs and GiB of memory: /place 8 16
place-pick = 📦 Where would a new VM fit best? How large is it?
place-title = 📦 <b>{ $cluster }</b>: { $total ->
    [0] no room for a VM
    [one] room for one more VM
   *[other] room for { NUMBER($total) } more VMs
} of { $size }
place-room = <i>holds { NUMBER($vms) } of them</i>

drain-choose = 🚰 <b>Which node</b> is to be emptied? You see the plan first. Worst first.
fill-choose = 🪣 <b>Which node</b> is to be filled again? You see the plan first. Worst first.
drain-plan = { $count ->
    [0] 🚰 <b>{ $node }</b>: nothing can be moved away.
    [one] 🚰 <b>{ $node }</b>: 1 VM would leave.
   *[other] 🚰 <b>{ $node }</b>: { $count } VMs would leave.
}
fill-plan = { $count ->
    [0] 🪣 <b>{ $node }</b>: nothing would come.
    [one] 🪣 <b>{ $node }</b>: 1 VM would come.
   *[other] 🪣 <b>{ $node }</b>: { $count } VMs would come.
}
wish-towards = → { $node }: { $count }
wish-staying = { $count ->
    [one] 🔒 1 stays, and why:
   *[other] 🔒 { $count } stay, and why:
}
popup-heeded = { $vm } may be moved again.
popup-heeded-already = { $vm } may be moved already.
