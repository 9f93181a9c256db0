# What can be done with a proposal beside a plain yes or no.
wish-target = 🎯 <b>Another target</b>, chosen by { $who }
wish-undo = ↩️ <b>Moved back</b>, asked for by { $who }
wish-drain = 🚰 <b>{ $node } is to be emptied</b>, asked for by { $who }
wish-fill = 🪣 <b>{ $node } is to be filled again</b>, asked for by { $who }
wish-progress = { $bar } { $done } of { $count }
move-cost = { $size }, ≈ { $duration }
migration-under-way = ▶️ { $bar } { $duration } of about { $expected }
migration-window = 🕑 waits for its hours, from { $time }
migration-waits = 🕑 starts at { $time }

button-more = ⋯ More
button-stop = ⏹ Stop
button-undo = ↩️ Move back { $number }
button-call-back = ✋ Call back { $number }
button-all-later = 🕑 All later…
button-close = ✖ Close
button-rest = ⏭ { $duration }
button-rest-always = ⏭ always
button-approve-one = ✅ Approve
button-later = 🕑 Later…
button-targets = 🎯 Elsewhere…
button-why = ❓ Why
button-snooze = 💤 { $duration }
button-at = 🕑 { $time }
tomorrow = tomorrow { $time }

options-title = ⋯ <b>{ $cluster }</b>: which of the { $count ->
    [one] 1 move
   *[other] { $count } moves
} do you mean? 💤 leaves the whole cluster alone for a while.
options-legend = <i>⏭ leaves this VM alone that long; 💤 the whole cluster, unless another node gets overloaded.</i>
options-decided = { $count ->
    [one] 1 move is decided.
   *[other] { $count } moves are decided.
}
later-title = 🕑 <b>{ $vm }</b> → <b>{ $target }</b>: when? It is checked once more right before it starts.
later-title-all = 🕑 { $count ->
    [one] The move
   *[other] All { $count } moves
}: when? Each is checked once more right before it starts.
targets-title = 🎯 <b>{ $vm }</b>: where to, instead of { $target }? A press approves it.
targets-none = 🎯 <b>{ $vm }</b>: no other node than { $target } may take it now.
target-line = <b>{ $node }</b>: CPU { NUMBER($before, minimumFractionDigits: 1, maximumFractionDigits: 1) } → { NUMBER($after, minimumFractionDigits: 1, maximumFractionDigits: 1) }, mem { NUMBER($memory_before, maximumFractionDigits: 0) } → { NUMBER($memory_after, maximumFractionDigits: 0) }%, then { NUMBER($full, maximumFractionDigits: 0) }% of its limit

notice-reminder = ⏰ <b>{ $cluster }</b>: { $count ->
    [one] 1 move has
   *[other] { $count } moves have
} waited for { $duration }; they can be approved until { $time }.
notice-escalation = 🚨 <b>{ $cluster }</b>: nobody has answered for { $duration }. Overloaded nodes: { $overloaded }; waiting moves: { $count }, until { $time }. They are decided in the balancer’s own chat.

popup-approved-at = { $count ->
    [one] Approved: it starts at { $time }. It can be called back until then.
   *[other] Approved: { $count } moves start at { $time }. They can be called back until then.
}
popup-time-over = That time is over; choose another one.
popup-skipped-always = { $vm } is left alone until somebody takes that back: /vm and its name.
popup-snoozed = { $cluster } is left alone until { $time }, unless another node gets overloaded.
popup-stopped = Stopped: { $count ->
    [one] 1 move
   *[other] { $count } moves
} taken back, { $running ->
    [one] 1 goes on.
   *[other] { $running } go on.
}
popup-called-back = Called back: it does not start.
popup-started-already = Too late: it has started or was called back already.
popup-refused = Not possible: { $reason }.
popup-moving = Approved: { $vm } goes to { $target }.
