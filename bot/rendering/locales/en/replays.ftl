# What `vm-balancer replay` says. Plain text.
replay-title = Replay of the recorded checks from { $since } to { $until } ({ $days ->
    [one] 1 day
   *[other] { $days } days
})
replay-changed = With { $settings }
replay-nothing = Nothing to replay: fewer than two checks are recorded for this time.
replay-happened = what happened
replay-overloaded = overloaded
replay-moves = moves
replay-gib = GiB
replay-questions = questions
replay-percent = { NUMBER($percent, minimumFractionDigits: 2, maximumFractionDigits: 2) } %
replay-number = { NUMBER($number) }
replay-cell = { NUMBER($percent, minimumFractionDigits: 2, maximumFractionDigits: 2) } % / { NUMBER($moves) }
replay-assumed = Overloaded: share of all node-time, by the thresholds that were in force. Assumed: each plan is approved at once, and each migration takes its estimated time.
replay-placed = { $placed ->
    [one] 1 VM was created in this time.
   *[other] { $placed } VMs were created in this time.
} Assumed: VMmanager chooses a node by its load, so up to { $elsewhere } of them stand on another node than in the record.

# What `vm-balancer policy diff` says. Plain text.
policy-same = Nothing would change: the policies of all clusters stay the same.
policy-value = Cluster { $cluster }: { $name } { $old } → { $new }
policy-rule-gone = Cluster { $cluster }: rule “{ $rule }” ({ $kind }) is removed
policy-rule-new = Cluster { $cluster }: rule “{ $rule }” ({ $kind }) is added
policy-now = The plan of the last recorded check ({ $at }):
policy-same-plan = Cluster { $cluster }: the same plan.
policy-before = Now:
policy-after = With the change:
policy-label-before = as it is
policy-label-after = with the change

## /whatif
whatif-title = <b>What would have been</b> · last { $days ->
    [one] day
   *[other] { $days } days
}, { $checks ->
    [one] 1 check
   *[other] { NUMBER($checks) } checks
}
whatif-line = <b>{ $label }</b>: { NUMBER($percent, minimumFractionDigits: 2, maximumFractionDigits: 2) } % overloaded · { $moves ->
    [one] 1 move
   *[other] { NUMBER($moves) } moves
} · { NUMBER($gib) } GiB · { $questions ->
    [one] 1 question
   *[other] { NUMBER($questions) } questions
}
whatif-nothing = No check of the last { $days ->
    [one] day
   *[other] { $days } days
} is recorded. The program records each check while HISTORY_SNAPSHOTS_DAYS is above 0.
whatif-usage = “{ $text }” is neither a number of days (1 to { $most }) nor a strategy ({ $known }). For example: /whatif 30 optimal
