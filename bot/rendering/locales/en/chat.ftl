# What the chat says. HTML of Telegram is allowed here; every argument comes in escaped.

## Durations and moments
duration-seconds = { $seconds } s
duration-minutes = { $minutes } min
duration-minutes-seconds = { $minutes } min { $seconds } s
duration-hours = { $hours } h
duration-hours-minutes = { $hours } h { $minutes } min
duration-days = { $days } d
duration-days-hours = { $days } d { $hours } h
until-time = until { $time }
until-ended = until someone ends it
size = { $vcpus } vCPU, { NUMBER($gib, maximumFractionDigits: 1) } GiB

## The proposal
report-title = { $overloaded ->
    [0] ✅ <b>{ $cluster }</b>: no node is overloaded
    [one] ⚠️ <b>{ $cluster }</b>: { $overloaded } of { $nodes } nodes is overloaded
   *[other] ⚠️ <b>{ $cluster }</b>: { $overloaded } of { $nodes } nodes are overloaded
}
table-head = node
table-cpu = CPU
table-load = load
table-memory = mem
table-vms = VMs
table-unknown = ?
table-more = … { $count } more
proposal-open = { $count ->
    [one] <b>1 move proposed</b>
   *[other] <b>{ $count } moves proposed</b>
}
proposal-memory = { NUMBER($gib, maximumFractionDigits: 1) } GiB
proposal-time = ≈ { $duration }
proposal-until = valid until { $time }
proposal-brings = { $count ->
    [one] <b>1 move</b> brings it to { $after }
   *[other] <b>{ $count } moves</b> bring it to { $after }
}
proposal-stays-later = ⏳ { $left ->
    [0] Then the node is still overloaded
    [one] Then 1 node is still overloaded
   *[other] Then { $left } nodes are still overloaded
}: the next checks continue.
proposal-stays = ⚠️ { $node } stays overloaded: { $reason }
after-cpu = { CPU($after) }
after-load = { LOAD($after) }
after-both = CPU { CPU($cpu) }, memory { MEMORY($memory) } %
after-memory = { MEMORY($after) } %
headline-node = ⚠️ <b>{ $cluster }</b>: { $node } is overloaded, { $reason }
headline-running = ▶️ <b>{ $cluster }</b>: { $done } of { $count } { $count ->
    [one] move
   *[other] moves
} done
headline-done = ✅ <b>{ $cluster }</b>: { $count ->
    [one] 1 move
   *[other] { $count } moves
} done in { $duration }
headline-relieved = ✅ <b>{ $cluster }</b>: { $change } ({ $count ->
    [one] 1 move
   *[other] { $count } moves
} in { $duration })
headline-eased = ⏳ <b>{ $cluster }</b>: { $change }, still overloaded ({ $count ->
    [one] 1 move
   *[other] { $count } moves
} in { $duration })
headline-failed = ❌ <b>{ $cluster }</b>: { $failed } of { $count } { $count ->
    [one] move
   *[other] moves
} failed
headline-closed = 🔁 <b>{ $cluster }</b>: { $reason }
headline-expired = ⌛ <b>{ $cluster }</b>: expired, nobody decided. If the node is still overloaded, the next check proposes again.
headline-nothing = ⏹ <b>{ $cluster }</b>: decided, nothing was moved
change-cpu = { $node } CPU { CPU($before) } → { CPU($after) }
change-load = { $node } load { LOAD($before) } → { LOAD($after) }
change-memory = { $node } memory { MEMORY($before) } → { MEMORY($after) } %
move-short-target = <b>{ $number }. { $vm }</b> → <b>{ $target }</b> · { $size }
move-detail = { $number }. { $effects } · <i>{ $reason }</i>
move-short = <b>{ $number }. { $vm }</b>: { $source } → <b>{ $target }</b> · { $size }
proposal-automatic = { $count ->
    [one] <b>1 move</b>, started by itself
   *[other] <b>{ $count } moves</b>, started by themselves
}
proposal-closed = 🔁 { $reason }
proposal-page = Moves { $first } to { $last } of { $count }
move-line = <b>{ $number }. { $vm }</b> · { $size }
move-route = { $source } → <b>{ $target }</b>
move-effect = { $node }: CPU { CPU($before) } → { CPU($after) }, memory { MEMORY($memory_before) } → { MEMORY($memory_after) } %
move-effect-load = { $node }: load { LOAD($before) } → about { LOAD($after) } per CPU
report-load = <b>{ $node }</b>: { $load }
load-ssh = load { LOAD($load) } per CPU (SSH, { NUMBER($seconds) } s ago)
load-panel = CPU { CPU($ratio) } (panel)
move-why = <i>{ $reason }</i>
move-caution = ⚠️ { $reason }
rejections-title = { $count ->
    [one] Not moved: 1 reason
   *[other] Not moved or not used: { $count } reasons
}
rejection-line = { $name }: { $reason }
rejection-per-target = { $reason } ({ $count })
rejection-count = { $reason } ({ $count }×)
rejections-more = … and { $count } more

state-pending = ⏳ waits for a decision
state-first = 👥 { $who } approved, one more person is needed
state-approved = ✅ approved by { $who }
state-skipped = ⏭ skipped by { $who }
state-expired = ⌛ expired
state-superseded = 🔁 replaced by a newer plan
state-withdrawn = ⛔ withdrawn
state-auto = 🤖 automatic
migration-queued = waits for its turn
migration-starting = ▶️ starting
migration-running = ▶️ running for { $duration }
migration-succeeded = ✅ done in { $duration }
migration-restarted = ⚠️ moved in { $duration }, but restarted
migration-failed = ❌ failed: { $reason }
migration-unknown = ❓ outcome unknown: { $reason }
migration-stale = 🚫 not started: { $reason }
migration-skipped = ⏭ not needed: { $reason }
migration-called-back = ✋ called back by { $who }
sighting = 👀 First migration on this VMmanager. Before: { $state_before }, uptime { $uptime_before }. After: { $state_after }, uptime { $uptime_after }. Task: { $task }.{ $verdict ->
    [alive] {" "}The VM was not restarted.
    [restarted] {" "}The VM was restarted.
   *[other] {""}
}
panel-words = The panel says: <i>{ $error }</i>

button-approve = ✅ Approve { $number } { $vm }
button-approve-named = ✅ { $number } { $vm }
button-skip = ⏭ Skip { $number }
button-skip-one = ⏭ Skip
move-needs-second = 👥 Approved by { $who }, needs a second person
table-ratio = { CPU($value) }
table-load-value = { NUMBER($value, minimumFractionDigits: 2, maximumFractionDigits: 2) }
table-percent = { MEMORY($value) } %
table-change-cpu = { CPU($before) } → { CPU($after) }
table-change-memory = { MEMORY($before) } → { MEMORY($after) } %
button-approve-all = ✅ Approve all { $count }
button-skip-all = ⏭ Skip all
button-details = ℹ️ Details
button-compare = 💡 Compare with { $strategy }
button-previous = ‹ Previous
button-next = Next ›

## What a plan comes to (chat and terminal; plain text)
outlook-budget = { $shown } of { $total } moves now; the next checks continue.
outlook-effort = { $moves ->
    [one] 1 move
   *[other] { $moves } moves
}, { NUMBER($gib, maximumFractionDigits: 1) } GiB, about { $duration }
outlook-proven = { $effort }: no plan does it with fewer moves or in less time.
outlook-optimal = { $effort }. Proven: no plan does it { $goal ->
    [moves-and-time] with fewer moves or in less time
    [moves] with fewer moves
    [time] in less time
    [once] at a lower cost while it moves each VM at most once
   *[memory] with less memory to copy
}.
outlook-optimal-left = { $effort }. Proven: no plan leaves fewer nodes overloaded, and none relieves these nodes further.
outlook-optimal-nothing = Proven: no plan lowers the overload of these nodes.
outlook-certificate = { $effort }: no plan does it { $limits }.
outlook-bound-moves = with fewer than { $moves ->
    [one] 1 move
   *[other] { $moves } moves
}
outlook-bound-time = in less than { $duration }
outlook-bound-memory = with less than { NUMBER($gib, maximumFractionDigits: 1) } GiB
outlook-or = {" "}or{" "}
outlook-as-few = With this number of moves, at least { NUMBER($gib, maximumFractionDigits: 1) } GiB must be copied.
outlook-loads = { $by ->
    [own] Each VM counts with its own measured load.
    [mixed] VMs count with their own measured load, those without one with their share of the vCPUs.
   *[shares] The loads of single VMs are not measured: each counts with its share of the vCPUs.
}
outlook-evenness = Imbalance { NUMBER($before, maximumFractionDigits: 3) } → { NUMBER($after, maximumFractionDigits: 3) } with { $moves ->
    [one] 1 move
   *[other] { $moves } moves
}.
outlook-evenness-proven = Imbalance { NUMBER($before, maximumFractionDigits: 3) } → { NUMBER($after, maximumFractionDigits: 3) } with { $moves ->
    [one] 1 move
   *[other] { $moves } moves
}; the best possible with this number of moves is { NUMBER($bound, maximumFractionDigits: 3) }.
outlook-choice = Rule: { $rule ->
    [smallest-first] smaller VMs first
   *[other] { $rule }
} ({ $reason }).
outlook-choice-passed = Rule: { $rule ->
    [smallest-first] smaller VMs first
   *[other] { $rule }
} ({ $reason }). This once, moves may exceed the target thresholds.
outlook-beyond-targets = 💡 The target thresholds keep { $kept ->
    [one] 1 node
   *[other] { $kept } nodes
} overloaded. A plan that exceeds them would { $left ->
    [0] clear all nodes
   *[other] leave { $left }
} with { $moves ->
    [one] 1 move
   *[other] { $moves } moves
}.
outlook-clears-all = 💡 The strategy “{ $strategy }” would clear { $overloaded ->
    [one] the node
   *[other] all { $overloaded } nodes
} with { $moves ->
    [one] 1 move
   *[other] { $moves } moves
}; this plan leaves { $left } overloaded.
outlook-clears-more = 💡 The strategy “{ $strategy }” would leave { $remaining ->
    [one] 1 node
   *[other] { $remaining } nodes
} overloaded, with { $moves ->
    [one] 1 move
   *[other] { $moves } moves
}; this plan leaves { $left } overloaded.
outlook-fewer-moves = 💡 The strategy “{ $strategy }” would need { $moves ->
    [one] 1 move
   *[other] { $moves } moves
} instead of { $own }.
outlook-caution = ⚠️ { $reason }
outlook-cautions-more = ⚠️ … and { $count } more broken rules
outlook-strategy = { $strategy }: { $effort }; { $left ->
    [0] no node stays overloaded
    [one] 1 of { $overloaded } nodes stays overloaded
   *[other] { $left } of { $overloaded } nodes stay overloaded
}
outlook-nothing = { $strategy }: nothing to move; { $left ->
    [0] no node is overloaded
    [one] 1 node stays overloaded
   *[other] { $left } nodes stay overloaded
}
button-propose = 📋 Propose these
button-once = 💡 { $strategy } this once
button-pass-targets = ⤴️ Exceed once
switch-strategy = 💡 Use { $strategy }
strategy-reach = <i>“This once” proposes this plan; the next check plans as before. “Use” changes the strategy of all clusters, from the next check on.</i>

## The first message in a chat
hello = 👋 <b>VM Balancer { $version }</b> works here now: { $clusters ->
    [one] 1 cluster
   *[other] { $clusters } clusters
}, { $nodes ->
    [one] 1 node
   *[other] { $nodes } nodes
}.
hello-state = { $overloaded ->
    [0] ✅ No node is overloaded. A message comes when one is.
    [one] ⚠️ 1 node is overloaded, nothing is proposed now. Write /why and its name to see the reason.
   *[other] ⚠️ { $overloaded } nodes are overloaded, nothing is proposed now. Write /why and the name of a node to see the reason.
}
hello-commands = /start explains the messages, /status shows the clusters.

## Popups (plain text, at most 200 characters)
popup-approved = Approved: { $vm } goes to { $target }.
popup-skipped = Skipped: { $vm } stays. It is not proposed again for { $duration }.
popup-approved-all = { $count ->
    [one] 1 move approved.
   *[other] { $count } moves approved.
}
popup-skipped-all = { $count ->
    [one] 1 move skipped.
   *[other] { $count } moves skipped.
}
popup-first-approved = { $who } was first: approved { $duration } ago.
popup-first-skipped = { $who } was first: skipped { $duration } ago.
popup-expired = Too late: this proposal has expired. The next check proposes again if needed.
popup-superseded = A newer plan has replaced this one.
popup-withdrawn = A node of this move is excluded now.
popup-nothing-left = Everything in this proposal is decided already.
popup-noted = Noted: { $vm } goes to { $target } once another person approves too.
popup-noted-all = { $count ->
    [one] Noted for 1 move. Another person has to approve too.
   *[other] Noted for { $count } moves. Another person has to approve too.
}
popup-noted-partly = Approved: { $count }. Another person has to approve too: { $noted }.
popup-same-person = You have approved already; another person has to approve too.
popup-overloads = ⚠️ With { $vm } back, { $node } is overloaded: CPU { CPU($cpu) }, memory { MEMORY($memory) } %. Press again within { $seconds } s.
popup-confirm-overloads = ⚠️ { $vm } ({ NUMBER($gib, maximumFractionDigits: 1) } GiB) overloads { $node }: CPU { CPU($cpu) }, memory { MEMORY($memory) } %. Press again within { $seconds } s.
popup-confirm = Really move { $vm } ({ NUMBER($gib, maximumFractionDigits: 1) } GiB)? To confirm, press the same button again within { $seconds } s.
popup-room-lost = ⚠️ Afterwards the others have no room for { $node }.
popup-confirm-all = { $count ->
    [one] Really move 1 large VM ({ NUMBER($gib, maximumFractionDigits: 1) } GiB)?
   *[other] Really move { $count } large VMs ({ NUMBER($gib, maximumFractionDigits: 1) } GiB together)?
} To confirm, press the same button again within { $seconds } s.
popup-too-fast = Too many presses: wait a moment.
popup-not-yours = You may not use this button.
popup-viewer = You may look, but not decide.
popup-old = This button no longer works. /proposals shows what waits.
popup-dry-run = Dry run: nothing can be decided.
popup-paused = { $text } The balancer is paused: it starts after /resume.
popup-strategy = From the next check on: { $strategy }. /balance checks now.
popup-proposed = Proposed. The next check follows the settings again.
popup-proposed-nothing = Nothing can be moved now.
popup-pass-targets = Proposed: a plan that may exceed the target thresholds.
popup-pass-targets-nothing = Nothing can be moved, even if the target thresholds are exceeded.
popup-strategy-already = { $strategy } is in use already. /balance checks now.

## Notices
notice-failed-stays = ❌ <b>{ $vm }</b> stays on { $source }. The migration to { $target } failed: { $reason }.
notice-failed-running = ❌ <b>{ $vm }</b> stays on { $source } and runs on. The migration to { $target } failed: { $reason }.
notice-failed-stopped = ❌ <b>{ $vm }</b> is on { $source } and does not run. The migration to { $target } failed: { $reason }.
notice-failed-away = ❌ <b>{ $vm }</b>: the migration from { $source } to { $target } failed: { $reason }.
notice-failed-earlier = ❌ { $count ->
    [one] 1 migration
   *[other] { $count } migrations
} failed before these.
notice-quarantine = Not tried again for { $duration }, unless you decide otherwise.
button-retry = 🔁 Try again
retry-none = 🎯 <b>{ $vm }</b>: no node except { $target } may take it now.
notice-unknown = ❓ <b>{ $vm }</b> ({ $source } → { $target }): { $reason }. Nothing else will be moved from or to these nodes until the panel reports the result.
notice-settled = ✅ <b>{ $vm }</b> ({ $source } → { $target }) has arrived after all; its nodes are balanced again.
notice-late = 🕓 Sent late: this happened at { $time }, Telegram was unreachable.
dry-run-note = 🧪 Dry run: nothing is stored and nothing will move.

## Commands
menu-start = Short tour
menu-help = All commands
menu-status = Cluster overview
menu-nodes = Nodes, most loaded first
menu-node = One node
menu-dryrun = What would be moved now
menu-balance = Check the clusters now
menu-proposals = What waits for a decision
menu-history = Last decisions and migrations
menu-whatif = What another strategy would have done
menu-exclude = Exclude a node
menu-include = Return a node to balancing
menu-exclusions = Excluded nodes
menu-mode = Ask first, assist, or automatic
menu-strategy = How moves are chosen
menu-pause = Pause the balancer
menu-resume = Resume the balancer
menu-reload = Take changed settings files
menu-settings = Settings in force

start-viewer = You may look; admins decide.
help-group-look = <b>Look</b>
help-group-decide = <b>Decide</b>
help-group-nodes = <b>Nodes</b>
help-group-settings = <b>Settings</b>
argument-cluster = CLUSTER
argument-gib = GIB
argument-n = N
argument-name = NAME
argument-node = NODE
argument-nodes = NODES
argument-strategy = STRATEGY
argument-value = VALUE
argument-vcpus = VCPUS
argument-vm = VM
help-line = /{ $command } { $arguments } – { $text }
help-line-plain = /{ $command } – { $text }

status-title = <b>VM Balancer</b> · { $mode ->
    [auto] automatic mode
    [assist] assist mode
   *[approve] asks before it moves
}
status-paused = ⏸ Paused { $until }
status-age = Data { $duration } old
status-never = The panel has not answered yet.
status-problem = 🔌 No access to the panel: { $problem }
status-next = next check { $time }
status-more-clusters = … and { $count ->
    [one] one more cluster
   *[other] { NUMBER($count) } more clusters
}: /status and the name of a cluster
status-calm = ✅ No node is overloaded.
status-waiting = { $count ->
    [0] Nothing waits for a decision.
    [one] ⏳ 1 move waits: /proposals
   *[other] ⏳ { $count } moves wait: /proposals
}
status-running = { $count ->
    [0] Nothing is being moved.
   *[other] Being moved: { $count }
}
status-queued = 🕑 Waiting to start: { $count }
status-running-line = { $vm }: { $source } → { $target }
    { $state }
status-exclusions = { $count ->
    [one] ⛔ 1 exclusion: /exclusions
   *[other] ⛔ { $count } exclusions: /exclusions
}
status-dry-run = 🧪 Dry run: nothing will be moved.
no-clusters = The panel shows no cluster.
nodes-title = <b>{ $cluster }</b>: { $count ->
    [one] 1 node
   *[other] { $count } nodes
}, most loaded first
node-title = <b>{ $node }</b> in { $cluster }
node-state-overloaded = ⚠️ overloaded: { $reason }
node-state-unknown = ❓ load unknown: { $reason }
node-state-fine = ✅ not overloaded
node-cpu = CPU: { $used } vCPU on { $cpus } CPUs = { CPU($ratio) } per CPU
node-averages = Load average { NUMBER($one, maximumFractionDigits: 2) }, { NUMBER($five, maximumFractionDigits: 2) }, { NUMBER($fifteen, maximumFractionDigits: 2) }; memory available { NUMBER($free, maximumFractionDigits: 1) } of { NUMBER($total, maximumFractionDigits: 1) } GiB
node-pressure = Pressure (PSI, last minute): CPU { NUMBER($cpu, maximumFractionDigits: 1) } %, memory { NUMBER($memory, maximumFractionDigits: 1) } %
node-memory = Memory { MEMORY($percent) } % ({ NUMBER($used, maximumFractionDigits: 1) } of { NUMBER($total, maximumFractionDigits: 1) } GiB)
node-vms = { $count ->
    [one] 1 VM
   *[other] { $count } VMs
}, active VMs use { $vcpus } vCPU and { NUMBER($gib, maximumFractionDigits: 1) } GiB
node-versions = QEMU { $qemu }, kernel { $kernel }
node-flag-maintenance = 🔧 in maintenance
node-flag-creation = 🚷 takes no new VMs
node-flag-state = state: { $state }
node-no-target = Takes no VM now: { $reason }
node-excluded = ⛔ excluded as { $role } { $until }, by { $who }
node-vm-line = { $vm } · { $size }
node-vm-other-line = { $vm } · { $size } · { $state }
vm-state = { $state }
node-vm-load = { $vm } · { NUMBER($cpus, maximumFractionDigits: 1, minimumFractionDigits: 1) } of { NUMBER($vcpus) } vCPU, mean of { NUMBER($minutes) } min ({ $source }, { $ago } ago)
node-busiest = Busiest VMs:
node-biggest = Largest VMs:
unknown-value = unknown

dryrun-nothing = { $overloaded ->
    [0] Nothing to do.
   *[other] Nothing can be moved now.
}
balance-started = 🔎 Checking the clusters …
balance-busy = A check is running already.
balance-paused = ⏸ The balancer is paused: /resume first.
balance-failed = 🔌 The check failed: { $problem }
balance-done = { $proposed ->
    [0] ✅ Checked { $clusters ->
        [one] 1 cluster
       *[other] { $clusters } clusters
    }: nothing new to propose.
    [one] ✅ Checked: 1 new proposal.
   *[other] ✅ Checked: { $proposed } new proposals.
}
balance-left-alone = { $cluster }: { $reason }
proposals-none = Nothing waits for a decision.
proposals-line = <b>{ $cluster }</b>: { $count ->
    [one] 1 move waits
   *[other] { $count } moves wait
} until { $time }
proposals-again = What waits is posted again below.
history-none = Nothing has been decided yet.
history-title = <b>Last decisions</b>, newest first
history-line = { $time } · { $source } → { $target }: { $state } ({ $who })
history-group = { $sign } <b>{ $name }</b>: { $counts } · { $time } · { $who }
history-alone = { $sign } { $vm } · { $time } · { $who }
history-vm = <b>{ $vm }</b> { $source } → { $target }: { $state }
history-automatic = automatic
button-older = Older ›
button-newer = ‹ Newer
history-running = { $count } running
history-failed = { $count } failed
history-unknown = { $count } with unknown outcome
history-restarted = { $count } moved, but restarted
history-succeeded = { $count } moved
history-stale = { $count } not started
history-called-back = { $count } called back
history-not-needed = { $count } no longer needed
history-queued = { $count } waiting to start
history-skipped = { $count } skipped
history-withdrawn = { $count } withdrawn
history-expired = { $count } expired
history-superseded = { $count } replaced by a newer plan
history-pending = { $count } waiting
history-vm-running = ▶️ running for { $duration }
history-vm-failed = ❌ failed: { $reason }
history-vm-unknown = ❓ outcome unknown: { $reason }
history-vm-restarted = ⚠️ moved in { $duration }, but restarted
history-vm-succeeded = ✅ moved in { $duration }
history-vm-stale = 🚫 not started: { $reason }
history-vm-called-back = ✋ called back
history-vm-not-needed = no longer needed: { $reason }
history-vm-queued = waits to start
history-vm-skipped = ⏭ skipped
history-vm-withdrawn = ⛔ withdrawn
history-vm-expired = ⌛ expired
history-vm-superseded = 🔁 replaced by a newer plan
history-vm-pending = ⏳ waits
role-source = source
role-target = target
role-both = source and target
exclude-done = ⛔ <b>{ $node }</b> is excluded as { $role } { $until }.
exclude-choose = More than one node is called { $name }. Which one?
include-done = ✅ <b>{ $node }</b> is balanced again.
include-none = { $node } was not excluded here. Nodes excluded in the settings stay excluded.
exclusions-none = No node is excluded.
exclusions-title = <b>Excluded nodes</b>
exclusion-line = ⛔ <b>{ $node }</b> as { $role } { $until }, by { $who }
exclusion-setting = ⚙️ <b>{ $node }</b> as { $role }, from the settings
mode-now = { $mode ->
    [auto] 🤖 Automatic mode: moves are carried out and only reported.
    [assist] 🤝 Assist mode: harmless moves start by themselves, people are asked about the rest.
   *[approve] 🙋 Approve mode: nothing moves before someone approves.
}
mode-two-persons = TWO_PERSON_RULE is on: every move needs two people, so nothing starts without them.
mode-usage = /mode approve, /mode assist or /mode auto
mode-changed = { $text } (set by { $who })
strategy-now = { $strategy ->
    [adaptive] 🧭 Strategy <b>adaptive</b>: smaller VMs first. If the plan of “optimal” is clearly better, the check uses that plan.
    [optimal] 🎯 Strategy <b>optimal</b>: the cheapest plan that clears as many overloaded nodes as possible.
    [balance] ⚖️ Strategy <b>balance</b>: like optimal; the remaining moves of a check even out the load.
   *[smallest-first] 🪶 Strategy <b>smallest-first</b>: the smallest VM leaves the most loaded node for the least loaded one.
}
strategy-set-by = Set in the chat by { $who }.
strategy-of-cluster = { $cluster } has its own from CLUSTERS_FILE: { $strategy }
strategy-usage = Unknown strategy { $text }. Choose: { $known }
mode-ask = 🤖 Switch to <b>automatic mode</b>? Every planned move is then carried out without asking; you get a report.
first-migration-missing = The program has not watched a migration on this VMmanager yet. So automatic mode starts with a single migration. You can do it now.
first-migration-none = No VM can be migrated now. Write /why and the name of a VM to see the reason.
first-migration-proposed = 🐣 First migration: <b>{ $vm }</b> ({ $size }), the smallest VM that may move. It leaves <b>{ $source }</b> for one of these nodes:
first-migration-what-then = The program compares uptime and state before and after. If the VM restarts, you get a message at once.
button-first-migration = 🐣 First VM…
button-first-migration-now = 🐣 Migrate to { $target }
popup-mode = { $mode ->
    [auto] Automatic mode is on.
    [assist] Assist mode is on.
   *[approve] Approve mode is on.
}
button-mode-auto = 🤖 Automatic…
button-mode-yes = 🤖 Yes, automatic
button-mode-approve = 🙋 Ask first
button-resume = ▶️ Resume
button-wake = ⏰ Wake { $cluster }
popup-awake = { $cluster } is proposed again from the next check on.
popup-awake-already = { $cluster } is not snoozed.
status-snoozed = 💤 { $cluster } is snoozed until { $time } ({ $who })
setting-refused = { $problem }
pause-done = ⏸ Paused { $until }. Running migrations continue; nothing new starts.
resume-done = ▶️ Resumed.
resume-none = It is not paused.
settings-title = <b>Settings</b>
settings-differ = <b>Not the default:</b>
settings-default = <b>Default values:</b>
settings-line = <code>{ $name }</code> { $value }
settings-stored = 💬 set in the chat by { $who }: { $name } = { $value }
settings-measured = ⏱ { $cluster }: a migration takes { NUMBER($seconds, maximumFractionDigits: 0) } s plus the copy of the memory at { NUMBER($mbit, maximumFractionDigits: 0) } Mbit/s (measured: { $count ->
    [one] 1 migration
   *[other] { $count } migrations
})
not-found-node = There is no node { $name }.
not-found-cluster = There is no cluster { $name }.
not-found-near = Did you mean: { $names }?
duration-bad = { $text } is not a duration: write 30m, 2h or 3d.
number-bad = { $text } is not a number from 1 to { $most }.
only-admins = Only admins may do this.
unknown-command = I do not know { $command }.
problem = Something went wrong: { $problem }
