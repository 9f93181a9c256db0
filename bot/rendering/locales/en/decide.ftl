# Reasons that come from decisions and requests of people.
reason-called-back = { $who } called it back before it started
reason-second-needed = one person approved it before TWO_PERSON_RULE was switched on; it is proposed again
reason-decided-already = somebody has already decided about this move
reason-node-draining = the node is being emptied; stop that first
reason-nothing-to-move = there is nothing to move
reason-snoozed = { $who } snoozed this cluster
reason-snoozed-until = { $who } snoozed it until { $until }
reason-stopped-by = { $who } stopped it
reason-undo-moved-since = the VM was moved again after that
reason-reservation-length = room is reserved for 1 minute to { NUMBER($days) } days
reason-reservation-most = a cluster has at most { NUMBER($most) } reservations, release one first
reason-undo-too-late = the time for moving it back is over
reason-room-there-already = there is room now, no VM has to move
reason-room-no-plan = no moves that make room were found
reason-undone-already = it has been moved back already
reason-wish-vm-busy = one of the VMs has started to move meanwhile
reason-wished-otherwise = { $who } requested something else

# What a move is for.
purpose-target = another target
purpose-undo = moved back
purpose-drain = drain
purpose-fill = fill
purpose-room = room

not-found-vm = There is no VM { $name }.
not-found-node-or-vm = There is neither a node nor a VM { $name }.
not-found-move = The move { $name } no longer exists.
not-found-migration = The migration { $name } no longer exists.
not-found-setting = No setting { $name } can be changed here.
