# Reasons that the running program gives, beside those of the planner.
reason-newer-plan = a newer plan has replaced this one
reason-no-longer-needed = no longer needed: nothing has to be moved here now
reason-restored = the database was restored from a backup meanwhile
reason-excluded-by = { $who } excluded { $node }
reason-planning-failed = an error in the program stopped the planning of this cluster ({ $problem }); nothing is moved here, the log has the details
reason-cannot-store = the plan of this cluster cannot be stored: { $problem }
reason-unreadable = it could not be read from the database and was set aside
reason-unreadable-rows = { $count ->
    [one] 🗄 A row of the database could not be read and was set aside ({ $first }). The program starts nothing from it; `vm-balancer db repair` shows it.
   *[other] 🗄 { $count } rows of the database could not be read and were set aside (first: { $first }). The program starts nothing from them; `vm-balancer db repair` shows them.
}
reason-in-motion = nothing is planned: a migration is running here
reason-changed-meanwhile = nothing is planned: somebody decided here during the check; the next check makes a new plan
reason-outage = 🔌 The panel does not answer: { $problem }. Nothing is planned until it is back.
reason-token-refused = { $file ->
    [yes] 🔑 VMmanager does not accept the token in VMMANAGER_TOKEN_FILE: it has expired or was revoked. Make a new one (docs/first-contact.md) and write it into that file; the program reads it at the next check. Nothing is planned until then, and the old token is not sent again.
   *[other] 🔑 VMmanager does not accept the token in VMMANAGER_TOKEN: it has expired or was revoked. Make a new one (docs/first-contact.md), set VMMANAGER_TOKEN to it and restart the program. Nothing is planned until then, and the old token is not sent again.
}
reason-token-refused-over = 🔑 VMmanager accepts the token again.
reason-outage-over = { $minutes ->
    [one] 🔌 The panel answers again, after 1 minute.
   *[other] 🔌 The panel answers again, after { $minutes } minutes.
}
reason-second-listener = 👥 Two programs use this bot's token; each of them gets only some of the messages. Stop one of them, or create another bot with @BotFather.
reason-second-listener-over = { $minutes ->
    [one] 👥 The second program is gone, after 1 minute.
   *[other] 👥 The second program is gone, after { $minutes } minutes.
}
reason-watchdog = { $minutes ->
    [one] ⏰ No check has succeeded for 1 minute. Nothing is planned until one does; the log says why.
   *[other] ⏰ No check has succeeded for { $minutes } minutes. Nothing is planned until one does; the log says why.
}
reason-watchdog-over = { $minutes ->
    [one] ⏰ Checks work again, after 1 minute.
   *[other] ⏰ Checks work again, after { $minutes } minutes.
}
reason-reservation-filled = 🔓 { $cluster }: { $vm } is on { $node }, so the room that was reserved for it ({ NUMBER($vcpus) } vCPU, { NUMBER($memory_gib, maximumFractionDigits: 1) } GiB) is no longer reserved.
reason-reservation-over = 🔓 { $cluster }: the time is over for which { NUMBER($vcpus) } vCPU and { NUMBER($memory_gib, maximumFractionDigits: 1) } GiB were reserved on { $node }.
reason-foreign-moves = ⚖️ Somebody else keeps moving VMs in { $cluster } (since the last check: { $count }). If VMmanager's own Balancer is on there, switch one of the two off: they undo each other's work.
reason-approval-lapsed = the approval is too old; the next check proposes again
reason-mode-changed = automatic mode was switched off before it started
reason-vm-changed = the VM has changed since the approval (approved: { $shown }, now: { $now }); the next check proposes again
reason-protection-lost = automatic mode is paused here: the objects that { $names } protected are no longer found
reason-protection-lost-in = 🛡 Automatic mode is paused in { $cluster }: the objects that { $names } protected still exist, but their names or tags no longer match. They were renamed, or the panel did not report their names or tags. Correct EXCLUDE_…_NODES or CLUSTERS_FILE. If you changed the name or tag of a VM on purpose, switch to /mode auto again. Until then every move there needs an approval.
reason-loop-failed = 🐞 A part of the program failed and is started again ({ $name }). Everything else keeps running; the log has the details.
reason-cluster-gone = its cluster no longer exists
reason-cannot-check = the move could not be checked again
reason-vm-has-task = the panel is busy with the VM ({ $task })
reason-panel-says-unsuitable = the panel reports that { $node } is not suitable
reason-not-sent = the panel could not be reached; nothing was sent
reason-refused = the panel refused
reason-never-started = it was unknown whether the start reached the panel; the panel shows no migration of the VM, and the VM has not moved
reason-task-failed = the panel reports an error
reason-does-not-converge = ⚠️ The migration of { $vm } does not get on: the VM writes { $dirty } MiB/s, { $node } copies { $speed } MiB/s. Calm the VM, give the migration network more bandwidth, or stop the migration (ALLOW_ABORT)
reason-aborted = stopped by { $who }; the VM is on its old node
reason-aborted-restarted = stopped by { $who }; the VM is on its old node, but it was restarted
reason-not-arrived = the task is complete, but the VM is still on its old node
reason-vanished = its task is gone and the VM is still on its old node
reason-no-answer = the panel does not answer
reason-timeout = not finished after { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
}
reason-start-unclear = the answer to the start was lost; a migration of the VM ran and ended, but the VM is on its old node
reason-auto-stopped = automatic mode is stopped in this cluster since a VM was restarted by its migration
reason-assist-stopped = the migration of { $vm } failed, or its outcome is unknown; an admin has not said yet that the program may go on
reason-cluster-asks-again = ⚠️ The migration of { $vm } failed, or its outcome is unknown. From now on people are asked about every move in this cluster. When you know the reason, an admin lets the program go on with /mode assist.
reason-auto-foreign-moves = somebody else moves VMs in this cluster
reason-auto-looked-into = { $who } looks into it
reason-auto-bad-failed = the migration of { $vm } failed
reason-auto-bad-unknown = the outcome for { $vm } is unknown
reason-auto-bad-restarted = { $vm } was restarted by its migration
reason-auto-bad-back = { $vm } was moved back to its old node
reason-auto-bad-kept = the move of { $vm } brought only { NUMBER($percent) } % of what it promised
reason-moved-restarted = the VM restarted during the migration, so it was not a live migration
reason-cluster-restarted = ⚠️ { $vm } was moved from { $source } to { $target }, but it restarted during the migration. Automatic mode is off in this cluster; when you know the reason, an admin can switch it on again with /mode auto.
reason-caution-restarted = the last migration here restarted its VM ({ $vm }); the next one may do so too
reason-waits-for-others = ⏳ { $vm } waits: somebody else is working on the cluster ({ $task }). The move starts when that has ended.
