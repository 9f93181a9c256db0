"""Image, compose file and service file, checked without starting them.

`make image` builds the image and runs it.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from bot.cli import BAD_SETTINGS, COMMANDS
from bot.config.settings import SECRET_FILES, Settings, env_name

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
UNIT = ROOT / "deploy" / "vm-balancer.service"
BESIDE_PYTHON = str(Path(sys.executable).parent)


def ran(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def instructions(text: str) -> list[tuple[str, str]]:
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]


def last_stage() -> dict[str, list[str]]:
    result: dict[str, list[str]] = defaultdict(list)
    for word, rest in instructions(DOCKERFILE.rpartition("\nFROM ")[2]):
        result[word].append(rest)
    return result


# --- the image


@pytest.mark.skipif(not shutil.which("hadolint", path=BESIDE_PYTHON), reason="hadolint has no package for this system")
def test_dockerfile_passes_hadolint() -> None:
    assert ran(str(shutil.which("hadolint", path=BESIDE_PYTHON)), "Dockerfile") == ""


def test_image_runs_as_an_unprivileged_user_and_has_a_health_check() -> None:
    stage = last_stage()
    (user,) = stage["USER"]
    assert user.isdigit() and int(user) > 0, "by number: Kubernetes cannot tell from a name that it is not root"
    (health,) = stage["HEALTHCHECK"]
    command = re.search(r'CMD \["vm-balancer", "(\w+)"\]$', health)
    assert command and command[1] in COMMANDS
    assert stage["ENTRYPOINT"] == ['["vm-balancer"]'] and stage["VOLUME"] == ["/data"]
    assert not any(re.search(r"\b(apt-get|apk|pip install|gcc)\b", run) for run in stage["RUN"])


def test_image_installs_only_hashed_packages_and_the_project() -> None:
    installs = [
        part
        for word, rest in instructions(DOCKERFILE)
        if word == "RUN"
        for part in rest.split("&&")
        if "pip install" in part
    ]
    assert len(installs) == 2
    for install in installs:
        assert "--require-hashes" in install or ("--no-index --no-deps" in install and install.rstrip().endswith(" ."))


def test_dockerignore_lets_every_copied_file_through() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = [
        name
        for word, rest in instructions(DOCKERFILE)
        if word == "COPY" and "--from" not in rest
        for name in rest.split()[:-1]
    ]
    places = {name: {place for place in allowed if f"{name}/".startswith(f"{place}/")} for name in copied}
    assert "*" in lines and [name for name, item in places.items() if not item] == []
    assert allowed == set.union(*places.values()), "a place that nothing is copied from"
    assert all((ROOT / name).exists() for name in copied)


# --- compose


def compose() -> dict[str, Any]:
    from ruamel.yaml import YAML  # comes with check-jsonschema

    result: dict[str, Any] = YAML(typ="safe").load((ROOT / "compose.yaml").read_text("utf-8"))
    return result


def test_compose_file_fits_its_schema() -> None:
    ran(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_compose_file_drops_privileges_and_limits_resources() -> None:
    (service,) = compose()["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped" and service["mem_limit"] and service["pids_limit"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ports", "user", "healthcheck"} & set(service)
    (volume,) = service["volumes"]
    assert volume.split(":") == [*compose()["volumes"], "/data"]
    known = {env_name(field) for field in Settings.model_fields}
    assert set(service["environment"]) <= known
    assert all(path.startswith("/data/") for path in service["environment"].values())


# --- the service


class Unit(configparser.RawConfigParser):
    """A unit's sections; a key that is given more than once keeps its last value."""

    def __init__(self) -> None:
        super().__init__(strict=False, comment_prefixes="#", delimiters="=")
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.read(UNIT, "utf-8")


HARDENED = {
    **dict.fromkeys(("DynamicUser", "NoNewPrivileges", "PrivateDevices", "PrivateTmp", "PrivateUsers"), "yes"),
    **dict.fromkeys(("ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname"), "yes"),
    **dict.fromkeys(("ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables"), "yes"),
    **dict.fromkeys(("LockPersonality", "MemoryDenyWriteExecute", "RestrictNamespaces", "RestrictRealtime"), "yes"),
    "RestrictSUIDSGID": "yes",
    "ProtectSystem": "strict",
    "CapabilityBoundingSet": "",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "StateDirectory": "vm-balancer",
    "Restart": "on-failure",
    "RestartPreventExitStatus": str(BAD_SETTINGS),
}


@pytest.mark.parametrize("name", HARDENED)
def test_systemd_service_restricts_the_program(name: str) -> None:
    assert Unit()["Service"][name] == HARDENED[name]


def test_systemd_service_contains_no_secret() -> None:
    """Environment= can be read by everybody with systemctl show; the settings come as a credential."""
    service = Unit()["Service"]
    environment = re.findall("^Environment=(.*)", UNIT.read_text("utf-8"), re.MULTILINE)
    variables = {word.partition("=")[0] for line in environment for word in line.split()}
    assert not variables & set(map(env_name, SECRET_FILES)) and "DATABASE_PATH" in variables
    name, _, _ = service["LoadCredential"].partition(":")
    assert service["ExecStart"].endswith(f" --config ${{CREDENTIALS_DIRECTORY}}/{name}")
    assert "EnvironmentFile" not in service


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here")
def test_systemd_accepts_the_service_file(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    program = shutil.which("true")
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/vm-balancer/bin/vm-balancer", str(program)), encoding="utf-8")
    output = ran("systemd-analyze", "verify", str(unit))
    assert not [line for line in output.splitlines() if UNIT.stem in line]  # it also speaks of other units
    output = ran("systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit))
    assert "Overall exposure level" in output
