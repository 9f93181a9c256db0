"""The strategy ``balance``: clears overload, then makes the load of the nodes more even."""
