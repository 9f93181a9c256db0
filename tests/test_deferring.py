"""aiogram's models are built when they are used, and each of them can be."""

import json
import subprocess
import sys

LOOK = """
import json, sys
{before}
import bot.telegram
import aiogram.methods, aiogram.types, pydantic

models = [m for of in (aiogram.types, aiogram.methods) for m in map(of.__dict__.get, of.__all__)]
models = [m for m in models if isinstance(m, type) and issubclass(m, pydantic.BaseModel)]
at_once = sum(m.__pydantic_complete__ for m in models)
for model in models:
    model.model_rebuild()
in_the_end = sum(m.__pydantic_complete__ for m in models)
print(json.dumps([len(models), at_once, in_the_end, "defer_build" in pydantic.BaseModel.model_config]))
"""


def look(before: str = "") -> list[int]:
    done = subprocess.run([sys.executable, "-c", LOOK.format(before=before)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    document: list[int] = json.loads(done.stdout)
    return document


def test_models_are_built_on_first_use_and_all_can_be_built() -> None:
    models, at_once, in_the_end, left_changed = look()
    assert models > 500
    assert at_once < 20
    assert in_the_end == models
    assert not left_changed


def test_imported_aiogram_stays_unchanged() -> None:
    models, at_once, in_the_end, _ = look("import aiogram")
    assert at_once == in_the_end == models
