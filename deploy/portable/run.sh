#!/bin/sh
# Starts vm-balancer from this folder: ./run.sh --dry-run --once
# The first start creates a Python environment here, from the hashed list. Settings (.env), database and log are
# here too, so the whole folder can be moved. Without a network, put the packages into a folder "wheels" first:
#   pip download --no-deps --require-hashes -r requirements.txt -d wheels
set -eu
cd "$(dirname "$0")"

suits() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys, ensurepip, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1
}

install() {
    found=
    for python in ${PYTHON:-python3 python python3.14 python3.13 python3.12 python3.11 python3.10}; do
        if suits "$python"; then
            found=$python
            break
        fi
    done
    if [ -z "$found" ]; then
        echo "vm-balancer needs Python 3.10 to 3.14 with its venv module (on Debian: apt install python3-venv)." >&2
        exit 1
    fi
    echo "Installing into $(pwd)/.venv ..." >&2
    rm -rf .venv
    "$found" -m venv .venv
    set -- --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
    if [ -d wheels ]; then
        set -- "$@" --no-index --find-links wheels
    fi
    .venv/bin/python -m pip install "$@" >&2
    cp requirements.txt .venv/installed.txt
}

# If a newer version was unpacked over this one, its list differs.
cmp -s requirements.txt .venv/installed.txt || install
# Not .venv/bin/vm-balancer: such a script has the path of the folder that it was created in.
exec .venv/bin/python -m vm_balancer "$@"
