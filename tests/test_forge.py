"""Files for a public forge fit their schemas, and every check in them is a make target."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML  # comes with check-jsonschema

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCHEMAS = {
    ".github/dependabot.yml": "vendor.dependabot",
    ".github/ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
    ".github/ISSUE_TEMPLATE/bug_report.yml": "vendor.github-issue-forms",
    **{str(path.relative_to(ROOT)): "vendor.github-workflows" for path in WORKFLOWS},
}


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text("utf-8"))


def targets(text: str) -> set[str]:
    return {t for words in re.findall(r"(?:run|entry): make ([\w -]+)", text) for t in words.split()}


@pytest.mark.parametrize("name", SCHEMAS)
def test_file_fits_its_schema(name: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[name], name]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_limits_time_and_rights(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] for job in workflow["jobs"].values())


def test_workflows_and_hooks_call_existing_targets() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    files = [*WORKFLOWS, ROOT / ".pre-commit-config.yaml"]
    result = set().union(*(targets(path.read_text("utf-8")) for path in files))
    assert {"lint", "types", "test", "test-all", "image", "docs"} <= result
    for target in result:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_workflow_tests_every_supported_python_on_three_systems() -> None:
    classifiers = re.findall(r":: Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text("utf-8"))
    matrix = read(ROOT / ".github" / "workflows" / "checks.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix == {"os": ["ubuntu", "macos", "windows"], "python": classifiers}


def test_hooks_are_the_checks_of_make_check() -> None:
    check = re.search(r"^check: ([^#]*)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert check is not None
    hooks = read(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == [f"make {target}" for target in check.group(1).split()]
    assert not any(hook["pass_filenames"] for hook in hooks)


def test_bug_report_asks_for_the_output_of_check() -> None:
    form = read(ROOT / ".github" / "ISSUE_TEMPLATE" / "bug_report.yml")
    fields = {field.get("id"): field for field in form["body"]}
    assert "vm-balancer check" in fields["check"]["attributes"]["label"]
    assert fields["check"]["validations"]["required"] and fields["version"]["validations"]["required"]
