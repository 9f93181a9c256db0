# What can be done with a proposal besides approve and skip.
wish-target = 🎯 <b>Other node</b>, chosen by { $who }
wish-room = 📐 <b>Room</b>, requested by { $who }
wish-undo = ↩️ <b>Move back</b>, requested by { $who }
move-cost = { $size }, ≈ { $duration }
migration-copying = ▶️ { $bar } { $percent }%, { NUMBER($gib, maximumFractionDigits: 1) } GiB left, the VM writes { NUMBER($dirty, maximumFractionDigits: 0) } MiB/s
migration-copying-left = ▶️ { $bar } { $percent }%, { NUMBER($gib, maximumFractionDigits: 1) } GiB left, the VM writes { NUMBER($dirty, maximumFractionDigits: 0) } MiB/s, { $duration } to go
migration-under-way = ▶️ { $bar } { $duration } of ≈ { $expected }
migration-window = 🕑 waits for the migration window (opens { $time })
migration-waits = 🕑 starts at { $time }

button-more = ⋯ More
button-stop = ⏹ Stop
button-undo = ↩️ Move back { $number }
button-call-back = ✋ Call back { $number }
button-all-later = 🕑 All later…
button-close = ✖ Close
button-rest = ⏭ Skip { $duration }
button-rest-always = ⏭ Never move
button-approve-one = ✅ Approve
button-later = 🕑 Later…
button-targets = 🎯 Other node…
button-why = ❓ Why
button-snooze = 💤 Snooze { $duration }
button-at = 🕑 { $time }
tomorrow = tomorrow { $time }

options-title = ⋯ <b>{ $cluster }</b>: { $count ->
    [1] what about the move?
   *[other] which of the { $count } moves?
} Snooze leaves the whole cluster alone for a while.
options-legend = <i>Skip leaves this VM alone for that time. Snooze leaves the whole cluster alone, unless another node becomes overloaded.</i>
later-title = 🕑 <b>{ $vm }</b> → <b>{ $target }</b>: when? The move is checked again right before it starts.
later-title-all = 🕑 { $count ->
    [one] The move
   *[other] All { $count } moves
}: when? Each move is checked again right before it starts.
targets-title = 🎯 <b>{ $vm }</b>: to which node instead of { $target }? A press approves the move.
targets-none = 🎯 <b>{ $vm }</b>: only { $target } may take it now.
target-line = <b>{ $node }</b>: CPU { CPU($before) } → { CPU($after) }, memory { MEMORY($memory_before) } → { MEMORY($memory_after) } % ({ NUMBER($full, maximumFractionDigits: 0) } % of the limit)

notice-reminder = ⏰ <b>{ $cluster }</b>: { $count ->
    [one] 1 move has
   *[other] { $count } moves have
} waited for { $duration }; they can be approved until { $time }.
notice-escalation = 🚨 <b>{ $cluster }</b>: nobody has answered for { $duration }. Overloaded nodes: { $overloaded }; waiting moves: { $count }, until { $time }. Decide in the balancer’s own chat.

popup-approved-at = { $count ->
    [one] Approved: it starts at { $time }. It can be called back until then.
   *[other] Approved: { $count } moves start at { $time }. They can be called back until then.
}
popup-time-over = That time is over; choose another one.
popup-skipped-always = { $vm } is never moved until somebody allows it again: /vm and its name.
popup-snoozed = { $cluster } is left alone until { $time }, unless another node becomes overloaded.
popup-stopped = Stopped: { $count ->
    [one] 1 move
   *[other] { $count } moves
} called back, { $running ->
    [one] 1 continues.
   *[other] { $running } continue.
}
popup-called-back = Called back: it does not start.
popup-started-already = Too late: the migration has started or was called back.
popup-refused = Not possible: { $reason }.
popup-moving = Approved: { $vm } moves to { $target }.
