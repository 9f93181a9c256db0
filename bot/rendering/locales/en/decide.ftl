# Reasons that have to do with what people decide and wish for.
reason-called-back = { $who } called it back before it started
reason-decided-already = somebody has decided it meanwhile
reason-node-draining = the node is being drained; stop that first
reason-nothing-to-move = there is nothing to move
reason-snoozed = left alone, { $who } snoozed this cluster
reason-snoozed-until = { $who } snoozed it until { $until }
reason-stopped-by = { $who } stopped it
reason-undo-moved-since = the VM was moved since
reason-undo-too-late = the time for moving it back is over
reason-undone-already = it has been moved back already
reason-wish-vm-busy = one of the VMs has started to move meanwhile
reason-wished-otherwise = { $who } asked for something else

# What a move is for.
purpose-target = another target
purpose-undo = moved back
purpose-drain = drain
purpose-fill = fill

not-found-vm = There is no VM { $name }.
not-found-node-or-vm = There is neither a node nor a VM { $name }.
not-found-move = The move { $name } is no longer there.
not-found-migration = The migration { $name } is no longer there.
not-found-setting = There is no setting { $name } that can be changed here.
