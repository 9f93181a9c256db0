"""Measures the loads of nodes over SSH. The only user of asyncssh.

It logs in and runs only the read-only command of answer.py. If a node cannot be read, it gets an SSHError of one line,
and other nodes are read. It decides nothing.
"""
