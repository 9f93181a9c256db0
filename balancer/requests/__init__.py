"""Plans and answers for what a person asks: drain or fill a node, place a new VM, move one VM, and why not."""
