"""The planner: takes a snapshot of the clusters, returns a plan with its reasons.

Pure: no waiting, clock, log, file or network.
"""
