"""What a policy would have done over recorded checks. Pure, like the whole planner."""
