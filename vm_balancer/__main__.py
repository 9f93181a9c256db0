"""`python -m vm_balancer`."""

from __future__ import annotations

from vm_balancer import main

if __name__ == "__main__":
    raise SystemExit(main())
