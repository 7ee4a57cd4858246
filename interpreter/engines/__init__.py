"""Engines by name, imported on demand since dependencies may not be installed."""

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
    """Create an engine for sessions of a quality tier.

    Engines with a single quality ignore the tier. Raises EngineUnavailableError, naming what is
    missing, if the engine cannot work here.
    """
    if name not in _ENGINES:
        known = ", ".join(_ENGINES)
        raise EngineUnavailableError(f"unknown engine {name}; use one of {known}")
    module_name, class_name = _ENGINES[name]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        raise EngineUnavailableError(
            f"the engine {name} needs the Python package {missing.name}; install it"
        ) from None
    engine = getattr(module, class_name)
    return cast(Engine, engine(tier) if tier is not None and name in _TIERED else engine())
