# What the terminal and the log say, beside what they share with the chat. Plain text.
terminal-title = { $overloaded ->
    [0] Cluster { $cluster } (ID { NUMBER($id, useGrouping: 0) }): no node of { $nodes } is overloaded
   *[other] Cluster { $cluster } (ID { NUMBER($id, useGrouping: 0) }): { $overloaded } of { $nodes } nodes overloaded
}
terminal-move = { $number }. { $vm } ({ $vcpus } vCPU, { NUMBER($gib, maximumFractionDigits: 1) } GiB): { $source } → { $target }
terminal-pending = waits for a decision
terminal-first = approved by { $who }, one more person is needed
terminal-approved = approved
terminal-skipped = skipped
terminal-expired = expired, nobody decided
terminal-superseded = replaced by a newer plan
terminal-withdrawn = withdrawn: one of its nodes is excluded
terminal-queued = approved, not started
terminal-starting = starting
terminal-running = running
terminal-succeeded = done in { $seconds } s
terminal-restarted = moved in { $seconds } s, but restarted
terminal-failed = failed: { $reason }
terminal-unknown = outcome unknown: { $reason }
terminal-not-needed = not needed: { $reason }
terminal-called-back = called back by { $who }
terminal-stale = not started: { $reason }
terminal-ask = Approve? [y]es, [n]o, [a]ll, [q]uit without deciding:{" "}
terminal-confirm = { $count ->
    [one] Really move { $vms } ({ NUMBER($gib, maximumFractionDigits: 1) } GiB)? [y]es, [n]o:{" "}
   *[other] Really move { $vms } ({ NUMBER($gib, maximumFractionDigits: 1) } GiB together)? [y]es, [n]o:{" "}
}
terminal-second = Another person has to approve too: in `vm-balancer console`, under a user of their own. Waiting until then, or until the proposal expires.
terminal-dry-run = Dry run: nothing was changed.
terminal-nobody = Nothing was done: BALANCE_MODE is approve and there is nobody to ask. Run it in a terminal, set TELEGRAM_BOT_TOKEN, add --yes, or set BALANCE_MODE=auto.
terminal-nothing = Nothing to do.
terminal-paused = The balancer is paused; nothing was done. /resume in the chat, or wait.
terminal-left-alone = Cluster { $cluster }: { $reason }
terminal-waiting-chat = The proposal is in the chat; waiting until it is decided or expires.
terminal-headless = Telegram is not in use (TELEGRAM_BOT_TOKEN is not set, or TELEGRAM_NOTIFICATIONS is false): nobody can approve. Proposals are only logged; set BALANCE_MODE=auto to let it act, or use --once in a terminal.
report-vm = VM
report-why = why
report-figure = { NUMBER($value, minimumFractionDigits: 2, maximumFractionDigits: 2) }
report-percent = { NUMBER($value, minimumFractionDigits: 1, maximumFractionDigits: 1) } %
report-size = { $vcpus } vCPU, { NUMBER($gib, maximumFractionDigits: 1) } GiB
terminal-no-history = No decisions yet.

## first-move
first-move-none = No VM can be moved now: `vm-balancer check` says why.
first-move-proposed = The smallest VM that may move: { $vm } ({ NUMBER($vcpus) } vCPU, { NUMBER($memory, maximumFractionDigits: 1) } GiB) to { $target }.
first-move-question = Move it now? [y/N]
record-migration-question = { $vm } (ID { $id }) will be migrated to { $target } and watched. Is it a test VM, and may it move now? [y/N]
first-move-declined = Nothing was moved.
first-move-refused = It is not moved: { $reason }
first-move-seen = on { $node }, { $state }, uptime { $uptime }, last task: { $task }
first-move-alive = The VM moved without a restart. Automatic mode may be switched on for this VMmanager.
first-move-not-alive = The VM restarted or stopped: this was no live migration. Find the reason before you move another VM.
