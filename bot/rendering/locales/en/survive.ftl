menu-survive = Is there room if a node is lost?
# Is there room on the other nodes when a node is lost? For the chat, the terminal and the console; no markup.
survive-yes = 🛟 { $cluster }: { $losses ->
    [0] there is no node to lose
   *[other] whichever of { NUMBER($losses) } nodes is lost, the other nodes have room for everything that runs there
 } ({ $upto ->
    [physical] up to their physical memory
   *[overload] below the overload thresholds
 })
survive-no = ⚠️ { $cluster }: { NUMBER($no) } of { NUMBER($losses) } nodes cannot be lost: the other nodes have no room for everything that runs there ({ $upto ->
    [physical] up to their physical memory
   *[overload] below the overload thresholds
 })
survive-undecided = ❔ { $cluster }: for { NUMBER($undecided) } of { NUMBER($losses) } nodes it is not decided whether the other nodes have room; for the rest they have ({ $upto ->
    [physical] up to their physical memory
   *[overload] below the overload thresholds
 })
survive-short-yes = 🛟 room for any lost node
survive-short-no = ⚠️ { NUMBER($no) } of { NUMBER($losses) } nodes cannot be lost
survive-short-undecided = ❔ room for a lost node: not decided for { NUMBER($undecided) } of { NUMBER($losses) }
survive-loss-yes = ✅ { $nodes }: { $vms ->
    [0] no VM runs there
    [one] room for the one VM that runs there
   *[other] room for all { NUMBER($vms) } VMs that run there
 }
survive-loss-no = ❌ { $nodes }: no room for { NUMBER($left) } of { NUMBER($vms) } VMs: { $names }
survive-loss-undecided = ❔ { $nodes } ({ $vms ->
    [one] 1 VM
   *[other] { NUMBER($vms) } VMs
 })
survive-proof = { $reason }
survive-why = { $vm }: { $reason } ({ NUMBER($count) } ×)
survive-place = → { $node }: { $vms ->
    [one] { $names }
   *[other] { NUMBER($vms) } VMs: { $names }
 }
survive-caution = ℹ️ { $reason }

## A new VM that fits nowhere as it is

room-moves = { $count ->
    [one] One move makes
   *[other] These { NUMBER($count) } moves, in this order, make
 } room on { $node }{ $proven ->
    [yes] ; no plan does with fewer
   *[no] {""}
 }:
room-move = { $number }. { $vm }: { $source } → { $target } ({ $vcpus } vCPU, { NUMBER($gib, maximumFractionDigits: 1) } GiB)
popup-room = { $count ->
    [one] Proposed: 1 move.
   *[other] Proposed: { NUMBER($count) } moves, in this order.
 } Approve them in the message of the proposal.
popup-room-waits = These moves are proposed already. They wait for approval in the message of the proposal.
row-propose-room = 📋 Propose these: { $cluster }
room-no-moves = no plan of up to four moves was found that makes room

## How large a new VM may be

menu-room = How large may a new VM be?
room-title = 📐 { $cluster }: the largest new VM that fits: { $largest }
room-nothing = 📐 { $cluster }: no new VM of the usual sizes fits, not after moves either
room-largest = { $moves ->
    [0] { NUMBER($vcpus) } vCPU and { NUMBER($gib) } GiB now
    [one] { NUMBER($vcpus) } vCPU and { NUMBER($gib) } GiB after 1 move
   *[other] { NUMBER($vcpus) } vCPU and { NUMBER($gib) } GiB after { NUMBER($moves) } moves
 }
room-shape-fits = ✅ { NUMBER($vcpus) } vCPU and { NUMBER($gib) } GiB: { NUMBER($vms) } fit now
room-shape-moves = 🔁 { NUMBER($vcpus) } vCPU and { NUMBER($gib) } GiB: { $moves ->
    [one] one fits after 1 move
   *[other] one fits after { NUMBER($moves) } moves
 }
room-shape-none = ❌ { NUMBER($vcpus) } vCPU and { NUMBER($gib) } GiB: none fits, not after four moves either
room-shape-undecided = ❔ { NUMBER($vcpus) } vCPU and { NUMBER($gib) } GiB: none fits now; whether moves make room is not decided

## What gives room back

restore-moves = { $count ->
    [one] 🔁 One move restores
   *[other] 🔁 These { NUMBER($count) } moves, in this order, restore
 } the room for { $nodes }{ $proven ->
    [yes] ; no plan does with fewer
   *[no] {""}
 }:
restore-none = 🔁 no plan of up to four moves was found that restores the room for { $nodes }
restore-hopeless = 🔁 no moves restore the room for { $nodes }: { $reason }
