# What the terminal and the log say, beside what they share with the chat. Plain text.
terminal-title = { $overloaded ->
    [0] Cluster { $cluster } (ID { NUMBER($id, useGrouping: 0) }): no node of { $nodes } is overloaded
   *[other] Cluster { $cluster } (ID { NUMBER($id, useGrouping: 0) }): { $overloaded } of { $nodes } nodes overloaded
}
terminal-move = { $number }. { $vm } ({ $vcpus } vCPU, { NUMBER($gib, maximumFractionDigits: 1) } GiB): { $source } → { $target }
terminal-pending = waits for a decision
terminal-approved = approved
terminal-skipped = skipped
terminal-expired = expired, nobody decided
terminal-superseded = replaced by a newer plan
terminal-withdrawn = withdrawn, an exclusion forbids it
terminal-queued = approved, not started
terminal-starting = starting
terminal-running = running
terminal-succeeded = done in { $seconds } s
terminal-failed = failed: { $reason }
terminal-unknown = outcome unknown: { $reason }
terminal-not-needed = not needed: { $reason }
terminal-stale = not started: { $reason }
terminal-ask = Approve? [y]es, [n]o, [a]ll, [q]uit without deciding:{" "}
terminal-dry-run = Dry run: nothing was changed.
terminal-nobody = Nothing was done: BALANCE_MODE is approve and there is nobody to ask. Run it in a terminal, set TELEGRAM_BOT_TOKEN, add --yes, or set BALANCE_MODE=auto.
terminal-nothing = Nothing to do.
terminal-paused = The balancer is paused; nothing was done. /resume in the chat, or wait.
terminal-left-alone = Cluster { $cluster }: { $reason }
terminal-waiting-chat = The proposal is in the chat; waiting until it is decided or expires.
terminal-headless = No TELEGRAM_BOT_TOKEN: nobody can approve. Proposals are only logged; set BALANCE_MODE=auto to let it act, or use --once in a terminal.
