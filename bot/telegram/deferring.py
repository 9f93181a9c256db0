"""Imports aiogram without building its six hundred models at once: each is built when it is first used.

aiogram marks its models with ``defer_build``, but builds all of them at the end of its import, because their
annotations name models of modules that do not import each other. That takes three quarters of the program's start
and 100 MiB, while a bot uses a few dozen models. This module skips that last step and puts the names that the
annotations use into each model's module, so that pydantic finds them when it builds a model. It replaces two
attributes of ``pydantic.BaseModel`` during the import only; ``tests/test_deferring.py`` fails if aiogram changes what
this relies on.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_NAME = re.compile(r"[A-Za-z_]\w*")


def import_aiogram() -> None:
    """Imports aiogram without building its models; does nothing if aiogram is imported already."""
    if "aiogram" in sys.modules:
        return
    names: dict[str, Any] = {}

    def left_out(_: type[BaseModel], /, *, _types_namespace: Mapping[str, Any] | None = None, **options: Any) -> None:
        names.update(_types_namespace or {})

    rebuild, config = BaseModel.__dict__["model_rebuild"], BaseModel.model_config
    BaseModel.model_rebuild = classmethod(left_out)  # type: ignore[method-assign,assignment]
    BaseModel.model_config = {**config, "defer_build": True}
    try:
        import aiogram
    finally:
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]
        BaseModel.model_config = config
    for name in aiogram.types.__all__:
        _name_in_its_module(getattr(aiogram.types, name), names)


def _name_in_its_module(model: Any, names: Mapping[str, Any]) -> None:
    """Copies the names used in the annotations of a model and its bases into the model's module."""
    module = sys.modules.get(getattr(model, "__module__", ""))
    for base in getattr(model, "__mro__", ()):
        for annotation in inspect.get_annotations(base).values():
            for name in _NAME.findall(annotation) if isinstance(annotation, str) else ():
                if name in names and not hasattr(module, name):
                    setattr(module, name, names[name])
