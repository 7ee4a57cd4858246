"""The engines that there are, by name. Each is imported only when it is asked for: what it needs is
not on every machine.
"""

from __future__ import annotations

import importlib
from typing import cast

from interpreter.engine import Engine, EngineUnavailableError

_ENGINES = {
    "aws": ("interpreter.aws.engine", "AwsEngine"),
    "offline": ("interpreter.offline.engine", "OfflineEngine"),
    "scripted": ("interpreter.scripted", "ScriptedEngine"),
}
ENGINE_NAMES = tuple(_ENGINES)


def make_engine(name: str) -> Engine:
    """The engine of that name, as it is without any settings.

    Raises EngineUnavailableError, which says what is missing, if it cannot work here.
    """
    if name not in _ENGINES:
        known = ", ".join(_ENGINES)
        raise EngineUnavailableError(f"there is no engine {name}; there are {known}")
    module_name, class_name = _ENGINES[name]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        raise EngineUnavailableError(
            f"the engine {name} needs the Python package {missing.name}, which is not installed"
        ) from None
    return cast(Engine, getattr(module, class_name)())
