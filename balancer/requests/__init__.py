"""Plans and answers for requests of people: drain or fill a node, place a new VM, move a VM, and why not."""
