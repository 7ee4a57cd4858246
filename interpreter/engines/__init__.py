"""The engines that there are, by name. Each is imported only when it is asked for: what it needs is
not on every machine.
"""

from __future__ import annotations

import importlib
from typing import cast

from interpreter.engine import Engine, EngineUnavailableError

_ENGINES = {
    "aws": ("interpreter.engines.aws.engine", "AwsEngine"),
    "offline": ("interpreter.engines.offline.engine", "OfflineEngine"),
    "scripted": ("interpreter.engines.scripted", "ScriptedEngine"),
}
_TIERED = {"aws"}
ENGINE_NAMES = tuple(_ENGINES)


def make_engine(name: str, *, tier: str | None = None) -> Engine:
    """The engine of that name, for sessions of that quality tier; those that have but one quality
    do not mind which.

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
    engine = getattr(module, class_name)
    return cast(Engine, engine(tier) if tier is not None and name in _TIERED else engine())
