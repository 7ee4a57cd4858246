"""Finds out where and why the import of a function's code fails."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping

from local.base import processes
from local.template.model import Function

_TIMEOUT_SECONDS = 30.0
_IMPORT = "import importlib, sys; importlib.import_module(sys.argv[1])"
_FRAME = re.compile(r'  File "(.+)", line (\d+)')


async def import_error(function: Function, environment: Mapping[str, str]) -> str | None:
    """Import the code as a worker would; returns `shared/x.py:12: NameError: ...` or None.

    The runtime client does not report the line of a failed import.
    """
    module = ".".join(function.modules[:-1])
    process = await processes.spawn(
        (sys.executable, "-c", _IMPORT, module),
        environment=environment,
        cwd=function.code,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), _TIMEOUT_SECONDS)
    except TimeoutError:
        return f"{module}: the import took more than {_TIMEOUT_SECONDS:g} s"
    finally:
        await processes.kill(process)
    if process.returncode == 0:
        return None
    return _summary(errors.decode(errors="replace"), str(function.code), module)


def _summary(trace: str, code: str, module: str) -> str:
    """The innermost line in the function's own code, and the exception."""
    lines = trace.splitlines()
    places = [match.groups() for line in lines if (match := _FRAME.match(line))]
    own = [f"{path[len(code) + 1 :]}:{line}" for path, line in places if path.startswith(code)]
    error = lines[-1] if lines else "it ended without an error message"
    return f"{own[-1] if own else module}: {error}"
