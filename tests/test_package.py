"""The wheel, installed into a separate environment and used from an empty folder, without the checkout.

Dependencies come from this environment's packages, so nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaged import ROOT, clean_environment, copy

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git knows which files are the project's")
PACKAGES = ("balancer", "bot", "sandbox", "vm_balancer")
INSTANCE: dict[str, Any] = {
    "format": "vmbal-1",
    "name": "small",
    "thresholds": {"cpu_ratio": 7.0, "mem_pct": 70.0},
    "nodes": [{"id": node, "cpus": 2, "ram_mib": 100000, "ram_base_mib": 0} for node in ("hot", "cool")],
    "vms": [{"id": vm, "node": "hot", "vcpus": 5, "ram_mib": 1000} for vm in ("a", "b", "c")],
}


@dataclass(frozen=True)
class Installed:
    names: list[str]
    """Files of the project."""
    wheel: Path
    home: Path

    def program(self, name: str) -> str:
        return str(self.home / ("Scripts" if os.name == "nt" else "bin") / name)

    def run(self, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
        environment = clean_environment()
        return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """As `pip install .` does it, without the network: built with this environment's setuptools, then installed."""
    folder = tmp_path_factory.mktemp("package")
    names = copy(folder / "source")
    home = folder / "environment"
    venv.create(home, with_pip=False)
    uv, here = [sys.executable, "-m", "uv"], ["--offline", "--no-config", "--quiet", "--python"]
    python = str(home / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    build = ["build", "--wheel", "--no-build-isolation", "--out-dir", str(folder), *here, sys.executable]
    subprocess.run([*uv, *build, str(folder / "source")], check=True, env=clean_environment())
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*uv, "pip", "install", "--no-deps", *here, python, str(wheel)], check=True, env=clean_environment())
    places = {"base": str(home), "platbase": str(home)}
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else sysconfig.get_default_scheme()
    libraries = Path(sysconfig.get_path("purelib", scheme, places))
    # A plain path: the .pth files over there, and so the checkout, are not followed from here.
    (libraries / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return Installed(names, wheel, home)


def test_wheel_contains_every_file_of_the_packages(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name and ".data/" not in name}
    assert packed == {name for name in installed.names if name.split("/")[0] in PACKAGES}
    assert {f"{name}/py.typed" for name in ("balancer", "bot", "vm_balancer")} <= packed
    assert {name.rpartition(".")[2] for name in packed} >= {"py", "ftl", "sql", "html", "css", "js", "typed"}


def test_wheel_installs_the_manual_page(installed: Installed) -> None:
    page = installed.home / "share" / "man" / "man1" / "vm-balancer.1"
    assert page.read_bytes() == (ROOT / "deploy" / "man" / "vm-balancer.1").read_bytes()


def test_installed_copy_runs_and_not_the_checkout(installed: Installed, tmp_path: Path) -> None:
    code = (
        "import balancer, bot, sandbox, vm_balancer as v; print(balancer.__file__, bot.__file__, v.__file__, sep='\\n')"
    )
    done = installed.run(tmp_path, installed.program("python"), "-c", code)
    assert done.returncode == 0, done.stderr
    assert [Path(line).is_relative_to(installed.home) for line in done.stdout.splitlines()] == [True] * 3


def test_version_is_the_installed_one(installed: Installed, tmp_path: Path) -> None:
    version = installed.wheel.name.split("-")[1]
    ways = ([installed.program("vm-balancer")], [installed.program("python"), "-m", "vm_balancer"])
    for way in ways:
        done = installed.run(tmp_path, *way, "--version")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"vm-balancer {version}\n", "")


@pytest.mark.parametrize("words", [["--help"], ["plan", "--help"], ["snapshot", "--help"], ["demo", "--help"]])
def test_installed_commands_show_their_help(installed: Installed, tmp_path: Path, words: list[str]) -> None:
    script = installed.run(tmp_path, installed.program("vm-balancer"), *words)
    module = installed.run(tmp_path, installed.program("python"), "-m", "vm_balancer", *words)
    assert (script.returncode, script.stderr) == (0, "")
    assert script.stdout.startswith("usage: ")
    assert module.stdout == script.stdout


def test_installed_copy_plans_from_a_file(installed: Installed, tmp_path: Path) -> None:
    """Both languages' catalogues are found as well."""
    (tmp_path / "small.json").write_text(json.dumps(INSTANCE), encoding="utf-8")
    plain = installed.run(tmp_path, installed.program("vm-balancer"), "plan", "small.json", "--json")
    assert plain.returncode == 0, plain.stderr
    assert [(m["vm"], m["to"]) for m in json.loads(plain.stdout)["moves"]] == [("a", "cool")]
    words = [
        installed.run(tmp_path, installed.program("vm-balancer"), "plan", "small.json", "--language", language)
        for language in ("en", "ru")
    ]
    assert [done.returncode for done in words] == [0, 0]
    assert words[0].stdout != words[1].stdout
    assert [p.name for p in tmp_path.iterdir()] == ["small.json"], "it left something behind"


def test_installed_copy_works_as_a_library(installed: Installed, tmp_path: Path) -> None:
    """The line of the specification."""
    code = "from vm_balancer import VMBalancer; print('Available')"
    done = installed.run(tmp_path, installed.program("python"), "-c", code)
    assert (done.returncode, done.stdout) == (0, "Available\n"), done.stderr


def test_installed_copy_runs_the_demo_and_makes_a_database(installed: Installed, tmp_path: Path) -> None:
    """The stand-ins come along, and a whole cycle runs between them; the schema comes along, so a database is made."""
    done = installed.run(tmp_path, installed.program("vm-balancer"), "demo", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    code = (
        "import asyncio\nfrom bot.store.store import Store\n"
        "async def main():\n    store = Store('fresh.db')\n    await store.open()\n    await store.close()\n"
        "asyncio.run(main())"
    )
    result = installed.run(tmp_path, installed.program("python"), "-c", code)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "fresh.db").stat().st_size > 0
