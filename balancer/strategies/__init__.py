"""The strategies, and what they share."""
