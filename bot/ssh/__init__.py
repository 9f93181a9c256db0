"""Reads what nodes really carry, over SSH. The only user of asyncssh.

Logs in, runs the one read-only command of answer.py, and nothing else. A node that cannot be read has an
SSHError of one line and stops nobody else. It decides nothing.
"""
