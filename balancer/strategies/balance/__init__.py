"""The strategy ``balance``: it clears overload, and then evens out the load of the nodes."""
