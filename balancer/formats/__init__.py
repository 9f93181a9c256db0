"""JSON formats of snapshots and plans."""
