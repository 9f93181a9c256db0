"""aiogram, imported without building its six hundred models at once: each is built when it is first used.

aiogram marks its models for that itself (``defer_build``), and then builds them all as the last thing of its
import, since their annotations name each other across modules that do not import each other. That is three
quarters of the time that the program takes to start, and 100 MiB, for models of which a bot meets some dozens.
Here that last step is left out, and every module is given the names that its annotations use: pydantic then
finds them by itself whenever a model is needed.
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
    """Imports aiogram so, unless somebody has imported it already: then its models are built."""
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
    """What the annotations of a model, and of those it inherits from, are made of becomes known where it stands."""
    module = sys.modules.get(getattr(model, "__module__", ""))
    for base in getattr(model, "__mro__", ()):
        for annotation in inspect.get_annotations(base).values():
            for name in _NAME.findall(annotation) if isinstance(annotation, str) else ():
                if name in names and not hasattr(module, name):
                    setattr(module, name, names[name])
