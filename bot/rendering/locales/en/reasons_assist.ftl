### What assist mode's rules say of a move (balancer/harmless.py): why it starts by itself, or why a person is asked.
### Plain text. Phrases, in lower case, without a full stop.

reason-auto-size = { NUMBER($value, maximumFractionDigits: 1) } GiB of memory (at most { NUMBER($limit, maximumFractionDigits: 1) })
reason-auto-per-day = own start { NUMBER($value) } in 24 hours (at most { NUMBER($limit) })
reason-auto-any-hour = any hour
reason-auto-hours = hours { $hours }
reason-auto-hours-closed = outside the hours { $hours }
reason-auto-relieves-alone = relieves { $node } alone
reason-auto-proven = proven: no plan has fewer moves than { NUMBER($moves) }
reason-auto-unproven = not proven: a plan with fewer moves than { NUMBER($moves) } may exist
reason-auto-thresholds = { $source } and { $target } stay below their thresholds, { $target }: { $resource ->
    [pressure] CPU pressure { NUMBER($value, maximumFractionDigits: 1) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
    [load] load { LOAD($value, $limit) } per CPU (limit { NUMBER($limit, maximumFractionDigits: 2) })
    [cpu] CPU { CPU($value, $limit) } (limit { NUMBER($limit, maximumFractionDigits: 2) })
   *[memory] memory { MEMORY($value, $limit) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
 }
reason-auto-source-above = { $node } stays above its threshold after the plan
reason-auto-target-above = { $node } would pass its threshold: { $resource ->
    [pressure] CPU pressure { NUMBER($value, maximumFractionDigits: 1) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
    [load] load { LOAD($value, $limit) } per CPU (limit { NUMBER($limit, maximumFractionDigits: 2) })
    [cpu] CPU { CPU($value, $limit) } (limit { NUMBER($limit, maximumFractionDigits: 2) })
   *[memory] memory { MEMORY($value, $limit) } % (limit { NUMBER($limit, maximumFractionDigits: 2) } %)
 }
reason-auto-tag = the VM has the tag “ask”
reason-auto-no-tag = no tag “ask”
reason-auto-vm-unseen = the panel does not show the VM as it was
reason-auto-outcomes = good migrations in a row: { NUMBER($value) }
reason-auto-outcomes-few = only { NUMBER($value) } of the last { NUMBER($limit) } migrations here are known to be good
reason-auto-nothing-odd = nothing odd seen
reason-auto-request = a person requested it
reason-auto-targets-passed = it may pass the target thresholds
reason-auto-in-order = depends on no question
reason-auto-after = it waits for the move of { $vm }, which asks
reason-auto-makes-room = it only makes room for another move
