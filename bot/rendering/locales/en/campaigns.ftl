# Rolling campaigns. Plain text, except what is marked as a line of a message.
campaign-title = { $kind ->
    [maintenance] 🔧 { $cluster }: maintenance of { $node }.
   *[roll] 🔁 { $cluster }: nodes are emptied one after another.
} { $state ->
    [planned] Beginning: { $time }, { $count ->
        [one] 1 node
       *[other] { NUMBER($count) } nodes
    }.
    [paused] ⏸ Paused, { NUMBER($done) } of { NUMBER($count) } done.
    [done] Finished: { NUMBER($done) } of { NUMBER($count) } done.
    [stopped] Stopped, { NUMBER($done) } of { NUMBER($count) } done.
   *[running] { NUMBER($done) } of { NUMBER($count) } done.
}
# A line of a message.
campaign-bold = <b>{ $text }</b>
campaign-by = Campaign { NUMBER($number) }, started by { $who }
campaign-approved = All nodes are approved by { $who }
campaign-until = End of the hours: { $time }. After that no other node is begun.
campaign-back-at = End: { $time }. Then the node takes VMs again.
campaign-node = { $state ->
    [asked] waits for approval
    [emptying] is emptied, { NUMBER($done) } of { NUMBER($total) } VMs moved
    [empty] is empty: update and reboot it now
    [working] is empty, ROLL_COMMAND runs
    [away] is away (in maintenance or out of reach)
    [back] is back
    [filling] is filled, { NUMBER($done) } of { NUMBER($total) } VMs moved
    [done] done
    [skipped] skipped
    [failed] failed
   *[waiting] waits
}
picture-campaign = { $state ->
    [asked] waits for approval
    [emptying] is emptied
    [empty] empty
    [working] ROLL_COMMAND
    [away] away
    [back] back
    [filling] is filled
    [done] done
    [skipped] skipped
    [failed] failed
   *[waiting] waits
}
campaign-more = { $count ->
    [one] 1 other node
   *[other] { NUMBER($count) } other nodes
}
campaign-kernel = kernel { $kernel }, was { $before }
campaign-hint = { $state ->
    [asked] Press “Empty” when { $node } may be emptied.
    [empty] { $node } takes no VM. Update and reboot it. The campaign goes on when its maintenance has ended, when it is back with another kernel, or when you press “Ready”.
    [away] The campaign goes on when { $node } is in service again.
    [back] { $node } takes VMs again. “Fill” brings VMs to it now; without it, the balancer does so later where that is needed.
   *[failed] Mend what is named above, then press “Resume”; or skip { $node }.
}
campaign-command-left = “Stop” did not end ROLL_COMMAND: it may still run on { $node }. Move no VM there before it has ended.
campaign-output = The end of the output of ROLL_COMMAND:

row-roll-ask = ▶️ Start, ask at each node
row-roll-all = ✅ Approve all nodes
row-maintenance-start = ▶️ Empty it: { $time }
row-roll-empty = ✅ Empty { $node }
row-roll-fill = ✅ Fill { $node }
row-roll-finish = Finish without filling
row-roll-ready = Ready: { $node }
row-roll-skip = ⏭ Skip { $node }
button-roll-pause = ⏸ Pause
button-roll-resume = ▶️ Resume
popup-roll-all = All moves off { $count ->
    [one] the node
   *[other] { NUMBER($count) } nodes
} start without another question, large VMs too. Press again within { NUMBER($seconds) } s.
popup-roll-stop = { $count ->
    [one] The node takes VMs again
   *[other] Every node takes VMs again
}, and what has not started is called back. Press again within { NUMBER($seconds) } s.
popup-roll-open = A campaign is open in this cluster already.
popup-roll-started = Started: the new message shows how it goes on.
popup-roll-second = Started. Another person has to approve all nodes too.
popup-roll-nothing = Nothing has to move: { $node }.
popup-roll-done = { $press ->
    [pause] Paused.
    [resume] It goes on.
    [skip] Skipped.
    [ready] The node takes VMs again.
    [finish] Finished.
    [stop] Stopped. No node is closed.
   *[approve-all] Approved.
}
terminal-roll-none = There is no such campaign.
terminal-roll-several = Several campaigns are open: name the cluster.
terminal-roll-old = This does nothing now.
terminal-roll-ask-each = Start the campaign in { $cluster }? Each node waits for an approval. [yes/no]
terminal-roll-ask-all = Start the campaign in { $cluster }? All nodes are approved by that, large VMs too. [yes/no]

# Lines of a message.
roll-from = Beginning: { $start }. Nothing happens before.
roll-hours = Beginning: { $start }. End: { $end }, after that no other node is begun.
maintenance-hours = Beginning: { $start }. End: { $end }, then the node takes VMs again.
maintenance-title = 🔧 <b>{ $node }</b>: the plan for its maintenance
roll-command-note = ROLL_COMMAND runs on each node when it is empty.
no-such-time = { $problem ->
    [past] “{ $text }” is over.
    [far] “{ $text }” is more than 60 days away.
   *[none] “{ $text }” is no date or no time of the day.
} Write a day and hours, such as <code>sat 02:00</code>, <code>2026-12-05 02:00-06:00</code> or <code>tomorrow 02:00</code>.

# Reasons.
reason-cluster-campaign = nodes of this cluster are emptied one after another; the balancer leaves it alone until 30 minutes after that
reason-campaign-asks = ❓ { $cluster }: { $node } may be emptied now. The message of the campaign has the button.
reason-campaign-empty = 🔧 { $cluster }: { $node } is empty. Update and reboot it now.
reason-campaign-paused = ⏸ { $cluster }: the campaign is paused at { $node }. The message of the campaign says why.
reason-campaign-stands-still = ⏰ { $cluster }: the campaign has stood still at { $node } for { $hours ->
    [0] { $minutes } min
   *[other] { NUMBER($hours) } h
}. The message of the campaign has its buttons. Until its end the balancer leaves the cluster alone.
reason-campaign-stays-away = ⚠️ { $cluster }: { $node } has been away for { $minutes } minutes.
reason-campaign-hours-over = ⏸ { $cluster }: the hours of the campaign are over, no other node is begun. “Resume” goes on.
reason-campaign-done = ✅ { $cluster }: the campaign has ended, { NUMBER($done) } of { NUMBER($count) } nodes are done.
reason-campaign-node-away = { $node } is in maintenance, out of reach, or not in this cluster
reason-campaign-vms-stay = { $count ->
    [one] 1 VM is still on { $node }
   *[other] { NUMBER($count) } VMs are still on { $node }
}
reason-campaign-stay = { $count ->
    [one] 1 VM cannot leave
   *[other] { NUMBER($count) } VMs cannot leave
} ({ $vm })
reason-campaign-vms-came = { $count ->
    [one] 1 VM came to { $node }
   *[other] { NUMBER($count) } VMs came to { $node }
} after it was emptied
reason-campaign-command-unknown = nobody knows how ROLL_COMMAND ended on { $node }: it ran too long, or the program was restarted; it does not run again
reason-campaign-command-failed = ROLL_COMMAND ended with code { NUMBER($exit_code) } on { $node }; it does not run again
reason-campaign-move-failed = moving { $vm } to { $target } failed, or nobody knows how it ended
reason-campaign-other-request = { $node } is drained or filled by another request; stop that first
reason-campaign-paused-by = { $who } paused it
