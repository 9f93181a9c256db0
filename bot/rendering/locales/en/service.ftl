# Reasons that the running program gives, beside those of the planner.
reason-newer-plan = a newer plan has replaced this one
reason-no-longer-needed = no longer needed: nothing is to be moved here now
reason-restored = the database was put back from a backup since
reason-excluded-by = { $who } excluded { $node }
reason-in-motion = left alone, a migration is running here
reason-changed-meanwhile = left alone, somebody decided here during the check; the next one plans anew
reason-outage = 🔌 The panel does not answer: { $problem }. Nothing is planned until it is back.
reason-outage-over = { $minutes ->
    [one] 🔌 The panel answers again, after 1 minute.
   *[other] 🔌 The panel answers again, after { $minutes } minutes.
}
reason-second-listener = 👥 Another program listens with this bot's token: each of the two gets only some of the presses and commands. Stop the other one, or make a bot of its own with @BotFather.
reason-second-listener-over = { $minutes ->
    [one] 👥 The bot listens alone again, after 1 minute.
   *[other] 👥 The bot listens alone again, after { $minutes } minutes.
}
reason-watchdog = { $minutes ->
    [one] ⏰ No check has succeeded for 1 minute. Nothing is planned until one does; the log says why.
   *[other] ⏰ No check has succeeded for { $minutes } minutes. Nothing is planned until one does; the log says why.
}
reason-watchdog-over = { $minutes ->
    [one] ⏰ Checks succeed again, after 1 minute.
   *[other] ⏰ Checks succeed again, after { $minutes } minutes.
}
reason-foreign-moves = ⚖️ Somebody else keeps moving VMs in { $cluster } (since the last check: { $count }). If VMmanager's own Balancer is on there, switch one of the two off: they undo each other's work.
reason-approval-lapsed = the approval is too old; the next check proposes anew
reason-mode-changed = automatic mode was switched off before it started
reason-cluster-gone = its cluster is gone
reason-cannot-check = it could not be checked again
reason-vm-has-task = the panel is busy with the VM ({ $task })
reason-panel-says-unsuitable = the panel itself says that { $node } does not suit
reason-not-sent = the panel could not be reached; nothing was sent
reason-refused = the panel refused
reason-never-started = the program was interrupted and the panel never started it; the VM is where it was
reason-task-failed = the migration failed
reason-not-arrived = the task is complete, but the VM is still on its old node
reason-vanished = its task is gone and the VM is still on its old node
reason-no-answer = the panel does not answer
reason-timeout = no end after { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
}
