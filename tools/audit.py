"""Asks a public service whether a pinned dependency has known weaknesses: `make audit`.

Exit code 1 if one has. If the service cannot be reached, it prints how much was not audited and exits with 0: a
build must not depend on it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LISTS = ("requirements/run.txt", "requirements/installer.txt", "requirements/build.txt")
PATIENCE_S = 300


def main() -> int:
    known: dict[str, dict[str, Any]] = {}
    for name in LISTS:
        result = audited(name)
        if result is None:
            return 2
        known |= {package["name"]: package for package in result}
    weak = [p for p in known.values() if p.get("vulns")]
    skipped = sorted(name for name, p in known.items() if "skip_reason" in p)
    for package in weak:
        ids = ", ".join(v["id"] for v in package["vulns"])
        fixed = sorted({f for v in package["vulns"] for f in v.get("fix_versions", ())})
        print(f"{package['name']} {package['version']}: {ids}; fixed in {', '.join(fixed) or 'no version yet'}")
    if skipped:
        print(f"NOT AUDITED: {len(skipped)} of {len(known)} packages, the service has no data about them")
    print(f"{len(known) - len(skipped)} packages audited, {len(weak)} with known weaknesses")
    return 1 if weak else 0


def audited(name: str) -> list[dict[str, Any]] | None:
    """The known weaknesses of every package of a list; ``None``, with a line on stderr, if pip-audit failed."""
    tool = Path(sys.executable).with_name("pip-audit")
    options = ("--disable-pip", "--require-hashes", "-r", name, "--format", "json", "--progress-spinner", "off")
    command = [str(tool), *options]
    done = subprocess.run(  # noqa: S603 - our own command, its words are constants
        command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=PATIENCE_S, check=False
    )
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError):
        print(f"pip-audit failed on {name}:\n{done.stderr}", file=sys.stderr)
        return None


if __name__ == "__main__":
    raise SystemExit(main())
