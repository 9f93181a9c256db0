"""What a policy would have done over recorded checks. Pure, as all of the core."""
