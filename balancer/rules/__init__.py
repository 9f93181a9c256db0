"""The rules: whether a VM may leave its node, and whether a node may take it."""
