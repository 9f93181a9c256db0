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
