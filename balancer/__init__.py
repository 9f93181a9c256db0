"""Deciding, and nothing else: a snapshot of the clusters goes in, a plan with its reasons comes out.

Pure. Nothing here waits, reads a clock, logs, opens a file or knows of a network.
"""
