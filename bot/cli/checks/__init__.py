"""Tests a configuration, for `vm-balancer check`. It writes, starts and sends nothing, except a test message on
request.

Each group of checks is one function that fills a Sheet; a check that depends on a failed one is skipped, not failed.
The texts come from the catalogues; the command shows the lines.
"""
