# The interactive console. Plain text, short: a line has 80 cells, a footer's word about ten.

## Header
console-mode = { $mode ->
    [auto] automatic mode
    [assist] assist mode
   *[approve] asks before it moves
}
console-dry-run = DRY RUN
console-started-here = runs as process { $pid }
console-attached = attached to process { $pid }
console-nobody-runs = NOBODY RUNS THE BALANCER
console-paused = PAUSED { $until }
console-problem = the panel does not answer: { $problem }
console-reading = reading the panel …
console-overloaded-of = { $overloaded ->
    [0] no node of { $nodes } is overloaded
   *[other] { $overloaded } of { $nodes } nodes overloaded
}
console-waiting = { $count ->
    [one] 1 move waits
   *[other] { $count } moves wait
}
console-moving = { $count ->
    [one] 1 VM is moving
   *[other] { $count } VMs are moving
}
console-age = data { $duration } old
console-last = check { $time }

## Tabs
console-tab-nodes = Nodes
console-tab-plan = Plan
console-tab-moves = Moves
console-tab-history = History
console-tab-exclusions = Excluded
console-tab-log = Log
console-tab-settings = Settings

## Footer
console-key-approve = Approve
console-key-skip = Skip
console-key-approve_all = Approve all
console-key-skip_all = Skip all
console-key-snooze = Snooze
console-key-wake = Wake
console-key-abort = Abort
console-key-stop = Stop
console-key-open = VMs
console-key-leave = Back
console-key-exclude = Exclude
console-key-include = Include
console-key-drain = Drain
console-key-fill = Fill
console-key-why = Why
console-key-warnings = Warnings
console-key-dry_run = Dry run
console-key-strategy = Strategy
console-key-pass_targets = Exceed once
console-key-change = Change
console-key-reset = Reset
console-key-check = Run now
console-key-pause = Pause
console-key-resume = Resume
console-key-mode = Mode
console-key-what_if = What if
console-key-room = Room
console-key-start = Start
console-key-theme = Theme
console-key-refresh = Refresh
console-key-help = Help
console-key-quit = Quit

## Help
console-help-approve = approve the chosen move
console-help-skip = skip the chosen move
console-help-approve_all = approve all moves of the proposal
console-help-skip_all = skip all moves of the proposal
console-help-snooze = leave the cluster of the proposal alone for a while
console-help-wake = end a snooze
console-help-stop = stop a drain or fill
console-help-abort = stop a running migration
console-help-open = the VMs of the chosen node
console-help-leave = back to the nodes
console-help-exclude = exclude a node: as source, target or both
console-help-include = return the chosen node to balancing
console-help-drain = empty a node; you see the plan first
console-help-fill = bring VMs back to a node; you see the plan first
console-help-why = why the chosen VM or node stays as it is
console-help-warnings = log: warnings and errors only, or everything
console-help-dry_run = read the panel and plan; nothing is stored
console-help-strategy = another strategy
console-help-pass_targets = propose once a plan that may exceed the target thresholds
console-help-change = change the chosen setting
console-help-reset = use the value of the settings file again
console-help-check = check the clusters now, and propose
console-help-pause = pause, or resume
console-help-mode = ask first, assist, or automatic
console-help-what_if = what other strategies would have done
console-help-room = room for a lost node and for new VMs
console-help-start = start the balancer, when nobody runs it
console-help-theme = dark or light
console-help-refresh = read the panel again
console-help-help = this page
console-help-quit = end the console
console-legend = Bars end at 125 % of the limit, the tick is the limit. ! overloaded, ? load unknown. Trend: CPU load since the console was started. Everything can be clicked.

## Nodes
console-column-node = node
console-column-cpu = CPU
console-column-memory = memory
console-column-vms = VMs
console-column-trend = trend
console-column-state = state
console-column-vm = VM
console-column-vcpus = vCPU
console-column-load = CPU
console-vm-load = load { NUMBER($cpus, maximumFractionDigits: 1, minimumFractionDigits: 1) } of { NUMBER($vcpus) } vCPU, mean of { NUMBER($minutes) } min ({ $source }, { $ago } ago)
console-column-ram = mem GiB
console-column-disk = disk GiB
console-column-vm-state = {"  "}state
console-column-remarks = why it stays
console-column-route = from → to
console-column-size = size
console-column-time = time
console-column-who = by
console-column-role = as
console-column-until = until
console-strategy-default = the default since version 3; version 2: smallest-first
console-column-setting = setting
console-column-value = value
console-column-configured = in the file
console-side-vms = VMs (vCPU, mem GiB)
console-cluster-over = { $overloaded ->
    [0] fine
   *[other] overloaded
}
console-unknown-load = unknown
console-flag-state = state { $state }
console-flag-maintenance = maintenance
console-flag-creation = no new VMs
console-flag-reserved = reserved room
console-reserved = { NUMBER($vcpus) } vCPU and { NUMBER($gib, maximumFractionDigits: 1) } GiB reserved for a new VM { $until }, by { $who }
console-flag-moving = moving
console-flag-out-source = no source
console-flag-out-target = no target
console-flag-out-both = excluded
console-node = { $node } (ID { NUMBER($id, useGrouping: 0) })
console-in-cluster = in { $cluster }
console-no-node = This node no longer exists.
console-overloaded = Overloaded: { $reason }
console-unknown = Load unknown: { $reason }
console-fine = Not overloaded
console-excluded = Excluded as { $role } { $until }, by { $who }

## Moves
console-vm = { $vm }
console-route = { $source } → { $target }
console-waits = { $cluster }: waits for a decision, { $duration } left
console-running = Being carried out
console-lately = Recently
console-by-policy = automatic mode
console-by-terminal = { $who } (terminal)
console-by-chat = { $who }
console-panel-words = The panel says: { $error }
console-migration-queued = approved, waits for its turn
console-migration-starting = starting
console-migration-running = running { $duration }
console-migration-succeeded = done in { $duration }
console-migration-restarted = moved in { $duration }, but restarted
console-migration-failed = failed: { $reason }
console-migration-unknown = outcome unknown: { $reason }
console-migration-stale = not started: { $reason }
console-migration-skipped = not needed: { $reason }
console-plan-note = What would be moved now, from data { $duration } old. Nothing here is stored; what waits for a decision is on page 3.
console-approve = Approve
console-skip = Skip
console-approve-all = Approve all
console-skip-all = Skip all
console-confirm-ask = { $count ->
    [one] Really move { $vms } ({ NUMBER($gib, maximumFractionDigits: 1) } GiB)?
   *[other] Really move { $vms } ({ NUMBER($gib, maximumFractionDigits: 1) } GiB together)?
}
console-approve-ask = Approve all { $count } moves in { $cluster }?
console-skip-ask = Skip all { $count } moves in { $cluster }?
console-choose-move = Choose a move first.
console-move-over = This move is over.
console-starts-later = The balancer is paused: it starts after Resume.
console-starts-never = Nobody runs the balancer: it starts once somebody does.

## Exclusions
console-exclude = Exclude
console-exclude-which = Which node? Its name or ID:
console-exclude-node = Exclude { $node }?
console-exclude-role = As
console-as-both = source and target
console-as-source = source: no VM leaves it
console-as-target = target: no VM enters it
console-length = How long? 30m, 2h, 3d; empty: until someone ends it
console-exclude-done = { $node } is excluded as { $role } { $until }.
console-include-done = { $node } is balanced again.
console-include-none = { $node } was not excluded here; nodes excluded in the settings stay excluded.
console-choose-node = Choose a node first.
console-choose-exclusion = Choose an exclusion first; nodes excluded in the settings stay excluded.
console-no-such-node = No node is called { $name }.
console-near = Nearest: { $names }
console-by-settings = the settings
console-for-ever = no end

## Pause, mode, check, start
console-cancel = Cancel
console-switch = Switch
console-pause-ask = Pause the balancer? No new check and no new migration; running migrations continue.
console-pause-done = Paused { $until }. Running migrations continue; nothing new starts.
console-resumed = Resumed.
console-not-paused = It is not paused.
console-mode-choose = Which mode?
console-room-runs = The room is being computed …
console-room-ask = Propose the moves below, which restore the room for lost nodes ({ $clusters })?
console-room-propose = Propose
console-room-proposed = { $count ->
    [one] Proposed: 1 move. It waits for approval on the page of moves.
   *[other] Proposed: { $count } moves. They wait for approval on the page of moves.
}
console-room-waits = These moves are proposed already.
console-what-if-ask = For how many of the last days (1 to { $most })?
console-what-if-days = “{ $text }” is no number of days: 1 to { NUMBER($most) } is needed.
console-what-if-runs = The recorded checks are replayed …
console-what-if-nothing = { $days ->
    [one] No check of the last day is recorded.
   *[other] No check of the last { $days } days is recorded.
}
console-mode-ask = { $mode ->
    [auto] Switch to automatic mode? Every planned move is then carried out without asking.
    [assist] Switch to assist mode? Harmless moves then start without asking. Bad outcomes so far do not count any more.
   *[approve] Switch back? Then nothing moves before someone approves; what was queued without a person is not started.
}
console-mode-done = { $mode ->
    [auto] Automatic mode: moves are carried out and only reported.
    [assist] Assist mode: harmless moves start by themselves.
   *[approve] Nothing moves before someone approves.
}
console-looking = Reading the panel …
console-planned = This is what would be done now.
console-checking = Checking the clusters …
console-check-done = { $proposed ->
    [0] Checked { $clusters ->
        [one] 1 cluster
       *[other] { $clusters } clusters
    }: nothing new to propose.
    [one] Checked: 1 new proposal.
   *[other] Checked: { $proposed } new proposals.
}
console-check-failed = The check failed: { $problem }
console-check-busy = A check is running already.
console-check-paused = The balancer is paused: resume first.
console-check-rehearsed = Checked; a dry run proposes nothing.
console-left-alone = { $cluster }: { $reason }
console-nobody-checks = Nobody runs the balancer: nothing was checked.
console-no-answer = The balancer ended before it answered.
console-warnings-only = Warnings and errors only.
console-warnings-all = All lines.

## Drain, fill, why
console-drain-ask = { $count ->
    [one] Empty { $node }? The move below is approved, and { $node } takes no VM until it is included again.
   *[other] Empty { $node }? All { $count } moves below are approved, and { $node } takes no VM until it is included again.
}
console-fill-ask = { $count ->
    [one] Bring a VM back to { $node }? The move below is approved.
   *[other] Bring VMs back to { $node }? All { $count } moves below are approved.
}
console-request-nothing = { $node }: there is nothing to move
console-stop-nothing = This move is not part of an open drain or fill.
console-outcome = after { $after }: { $words }
console-abort-nothing = No running migration is chosen.
console-abort-first = Stop the migration of { $vm }? The VM should stay on { $source }. Nobody knows what every panel does then.
console-abort-last = Really stop the migration of { $vm }? The panel is asked at once.
console-stopped = Stopped: { $back } called back, { $running } running to the end.
console-why-vm = { $vm } on { $node }
console-why-closed = It may not go to:
console-why-overloaded = { $node } is overloaded
console-why-fine = { $node } is not overloaded
console-why-not-source = No VM may leave: { $reason }
console-why-not-target = Takes no VM: { $reason }
console-why-staying = VMs that may not leave:

## Strategy, settings, snooze
console-pass-targets-ask = Propose, this once, a plan that may exceed the target thresholds: { $clusters }?
console-pass-targets-none = The target thresholds limit no plan.
console-strategy-ask = Which strategy, for all clusters from the next check on?
console-strategy-done = Strategy { $strategy }: from the next check on.
console-choose-setting = Choose a setting first.
console-setting-ask = Change { $setting }
console-change = Change
console-setting-done = { $setting } is { $value } now.
console-setting-reset = { $setting } is { $value } again, as in the settings file.
console-setting-unchanged = { $setting } was not changed here: { $value } is from the settings file.
console-snooze-ask = Snooze { $cluster }? This proposal is withdrawn, and nothing is proposed for a while unless another node gets overloaded.
console-snooze-length = A snooze needs a duration of at least a minute, such as 2h.
console-snooze-done = { $cluster } is snoozed { $until }.
console-snoozed = { $cluster }: snoozed { $until }, by { $who }
console-choose-snooze = Choose a snoozed cluster first.
console-wake-done = { $cluster } is awake: the next check proposes again.
console-starting = Starting the balancer …
console-start-ask = Nobody runs the balancer. Start it? It ends with this console.
console-start-late = Another process has started the balancer already.
console-started = The balancer runs.
console-quit-ask = { $count ->
    [one] A migration is running. It continues in the panel, and the next start follows it. End the console?
   *[other] { $count } migrations are running. They continue in the panel, and the next start follows them. End the console?
}
