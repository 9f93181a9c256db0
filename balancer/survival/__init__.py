"""Whether other nodes have room for all VMs of a node that is lost."""
