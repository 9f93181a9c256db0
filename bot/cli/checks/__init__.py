"""Tests a configuration against reality, for `vm-balancer check`. Looks only: nothing is written, started or sent
(but for the test message that was asked for).

Each group of checks is one function that fills a Sheet; a check that depends on a failed one is skipped, not failed.
Words are the catalogues'; how lines are shown is the command's.
"""
