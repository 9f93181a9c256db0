"""The rules: may a VM leave, may a node take it."""
