"""Exact plans for small clusters: a branch-and-bound search over final placements. Pure Python, without NumPy."""
