"""Makes a virtual environment and installs the hashed lists into it: `python tools/install.py .venv`.

Uses uv, which pip installs from a hashed list; if uv does not run, pip installs everything. This file has no
annotations and imports little at its top: every Python must be able to read it and to say that it is too old.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main(folder):
    problem = unsupported(sys.version_info[:2]) or no_venv()
    if problem:
        return complain(problem)
    try:
        install(folder)
    except subprocess.CalledProcessError as error:  # the installer has printed the reason
        return complain("%s failed: see above" % " ".join(map(str, error.cmd[:5])))
    except OSError as error:
        return complain("%s cannot be made: %s" % (folder, error))
    return 0


def complain(problem):
    sys.stderr.write("tools/install.py: %s\n" % problem)
    return 1


def supported():
    """The Python versions that pyproject.toml names, oldest first: [(3, 10), ...]."""
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        text = file.read().decode("utf-8")
    result = re.findall(r'"Programming Language :: Python :: (\d+)\.(\d+)"', text)
    return sorted((int(major), int(minor)) for major, minor in result)


def unsupported(version):
    """Why this Python cannot be used, or None."""
    versions = supported()
    if versions[0] <= version <= versions[-1]:
        return None
    oldest, newest, this = ["%d.%d" % v for v in (versions[0], versions[-1], version)]
    return "needs Python %s to %s, this is %s (%s): run `make PYTHON=python%s` with another one" % (
        oldest,
        newest,
        this,
        sys.executable,
        newest,
    )


def no_venv():
    """Why no virtual environment can be made, or None."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        return "this Python (%s) has no module %s: on Debian and Ubuntu install the package python3-venv" % (
            sys.executable,
            error.name,
        )
    return None


def install(folder):
    import venv

    target = os.path.abspath(folder)
    if not os.path.exists(os.path.join(target, "pyvenv.cfg")):
        venv.create(target, with_pip=True)
    python = os.path.join(target, "Scripts\\python.exe" if os.name == "nt" else "bin/python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(pip + requirements("installer"))
    uv = [python, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    installer = uv if works([python, "-m", "uv", "--version"]) else pip
    run(installer + requirements("dev", "build"))
    # With the setuptools just installed: an isolated build would fetch one without a hash.
    run(installer + ["--no-deps", "--no-build-isolation", "--editable", ROOT])


def requirements(*lists):
    words = ["--require-hashes"]
    for name in lists:
        words += ["-r", os.path.join(ROOT, "requirements", name + ".txt")]
    return words


def run(command):
    subprocess.check_call(command, cwd=ROOT)  # noqa: S603 - our own commands


def works(command):
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0  # noqa: S603
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ".venv"))
