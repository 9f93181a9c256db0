"""The strategy ``optimal``: clears every overload that can be cleared, at the least cost, with a proven bound."""
