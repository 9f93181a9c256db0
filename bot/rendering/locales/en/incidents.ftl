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
reason-plan-other-order = the same moves in another order
reason-nothing-possible = still overloaded, but nothing can be moved now
reason-node-joined = { $node } is overloaded too
reason-cluster-not-checked = the panel no longer shows this cluster, or CLUSTER_IDS leaves it out

## The message of an incident
incident-changed = 🔁 plan changed { $time }: { $reason }
incident-looking = 👀 { $who } looks into it until { $time }; no reminders until then
incident-stuck = ⚠️ <b>{ $cluster }</b>: { $node }{ $more ->
    [0] {" "}is overloaded
    [one] {" "}and 1 more node are overloaded
   *[other] {" "}and { $more } more nodes are overloaded
}, { $figure }; nothing can be moved now
incident-figure = { $resource ->
    [memory] memory { MEMORY($value, $limit) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
    [pressure] CPU pressure { NUMBER($value, maximumFractionDigits: 1) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
    [load] load { LOAD($value, $limit) } per CPU (limit { NUMBER($limit, maximumFractionDigits: 2) })
   *[cpu] CPU { CPU($value, $limit) } (limit { NUMBER($limit, maximumFractionDigits: 2) })
}
incident-figure-change = { $resource ->
    [memory] memory { MEMORY($before) } → { MEMORY($after) } %
    [pressure] CPU pressure { NUMBER($before, maximumFractionDigits: 1) } → { NUMBER($after, maximumFractionDigits: 1) } %
    [load] load { LOAD($before) } → { LOAD($after) }
   *[cpu] CPU { CPU($before) } → { CPU($after) }
}
incident-figure-before = { $resource ->
    [memory] memory { MEMORY($before) } %
    [pressure] CPU pressure { NUMBER($before, maximumFractionDigits: 1) } %
    [load] load { LOAD($before) }
   *[cpu] CPU { CPU($before) }
}
incident-relieved = ✅ <b>{ $cluster }</b>: { $node }{ $more ->
    [0] {""}
    [one] {" "}and 1 more node
   *[other] {" "}and { $more } more nodes
} relieved, { $change }, { $moved ->
    [one] 1 move
   *[other] { $moved } moves
}, { $took }
incident-evened = ✅ <b>{ $cluster }</b>: load evened out, { $moved ->
    [one] 1 move
   *[other] { $moved } moves
}, { $took }
incident-with-failed = { $headline }, ❌ { $failed } failed
incident-with-restarted = { $headline }, ⚠️ { $restarted } restarted
incident-failed = ❌ <b>{ $cluster }</b>: { $failed ->
    [one] 1 move
   *[other] { $failed } moves
} failed; the overload was over by itself after { $lasted }
incident-over = ✅ <b>{ $cluster }</b>: over by itself after { $lasted }, { $node } { $change }
incident-even-over = ✅ <b>{ $cluster }</b>: over by itself after { $lasted }
incident-span = 🕓 { $begin } – { $end } · { $moves }
incident-move = { $vm } → { $target }
incident-moved = { $moves } ({ $who })
incident-skipped = { $moves }: skipped by { $who }
incident-unanswered = { $moves }: nobody decided
incident-earlier = { $vm } → { $target } · { $state }
incident-earlier-more = … and { $count } before these
button-look = 👀 I’ll look
button-undo-vm = ↩️ Move back { $vm }
button-call-back-vm = ✋ Call back { $vm }
popup-look = You look into it until { $time }. No reminders until then.
popup-look-other = { $who } looks into it until { $time }.
popup-look-over = This overload is over.
notice-worse = ⚠️ <b>{ $cluster }</b>: { $reason }. { $count ->
    [one] 1 move waits
   *[other] { $count } moves wait
} until { $time }.
