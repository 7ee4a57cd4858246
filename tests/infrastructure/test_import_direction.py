"""Dependencies point one way: lambda → services → data access / connection gateway → models.

Read from the source text, so that imports inside functions count too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infrastructure.assembly import ROOT

PACKAGES = (
    "shared",
    "lambda",
    "infrastructure",
    "conformance",
    "local",
    "client",
    "interpreter",
    "cli",
    "demo",
    "tests",
    "benchmarks",
)

_CORE = ("shared.models", "shared.utils")
_STORED = (*_CORE, "shared.data_access")
_SERVICES = (*_STORED, "shared.fanout", "shared.services")
_SLICES = ("shared.announcements", "shared.devices", "shared.interpretation")
_CLIENT = ("client", *_CORE)

# What the modules of a package may import of the project; the longest name that fits counts. Each
# may import itself. Slices use the core, the core no slice, and no slice another.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "shared": (),
    "shared.models": (),
    "shared.utils": ("shared.models",),
    "shared.data_access": _CORE,
    "shared.aws": _STORED,
    "shared.fanout": _STORED,
    "shared.services": _SERVICES,
    "shared.admission": _STORED,
    "shared.entrypoints": (*_CORE, "shared.admission"),
    **dict.fromkeys(_SLICES, (*_SERVICES, "shared.entrypoints")),
    "shared.wiring": ("shared",),
    "lambda": ("shared",),
    "lambda.interpreter": ("shared", "interpreter.function"),
    "client": _CORE,
    "client.protocol": ("client.errors", *_CORE),
    "client.sound": ("client.errors", *_CORE),
    "client.playback": ("client.errors", "client.protocol", "client.sound", *_CORE),
    "client.tokens": ("client.errors", "client.escaping", "client.urls", *_CORE),
    "client.connection": _CLIENT,
    "client.flows": _CLIENT,
    "client.__main__": ("cli",),  # the former name of the command line
    "interpreter": _CLIENT,
    "interpreter.engines": ("interpreter.engine", "interpreter.timeline", "interpreter.loudness"),
    "interpreter.machine": (*_CLIENT, "interpreter"),
    "interpreter.function": (*_CLIENT, "interpreter"),
    "cli": (*_CLIENT, "interpreter"),
    "local": _CORE,
    "infrastructure": _CORE,
    "app": ("infrastructure",),
    "conformance": (*_CORE, "infrastructure"),
    "conformance.probe": (),
    "demo": ("shared.models", "client", "cli", "local", "interpreter.engines.offline.programs"),
}

# A client is installed without what the functions run on.
FUNCTIONS_ONLY = {"aws_lambda_powertools", "boto3", "botocore", "jwt", "pycurl"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_below(name: str) -> dict[str, Path]:
    paths = [*(ROOT / name).rglob("*.py"), *ROOT.glob(f"{name}.py")]
    return {module_name(path): path for path in paths}


def is_below(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def imports(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    """The full names that a module imports: `a.b.c` for `from a.b import c`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: None if is_package else -1]
                above = above[: len(above) - (node.level - 1)]
                base = ".".join([*above, base]) if base else ".".join(above)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imports_of(path: Path) -> Iterator[str]:
    is_package = path.name == "__init__.py"
    yield from imports(path.read_text(), module_name(path), is_package=is_package)


def rule_of(module: str) -> str:
    return max((name for name in MAY_IMPORT if is_below(module, name)), key=len)


def allowed_for(module: str) -> tuple[str, ...]:
    rule = rule_of(module)
    return (rule, *MAY_IMPORT[rule])


def breaches(name: str) -> list[str]:
    return [
        f"{module} imports {imported}"
        for module, path in sorted(modules_below(name).items())
        for imported in imports_of(path)
        if imported.partition(".")[0] in PACKAGES
        and not any(is_below(imported, allowed) for allowed in allowed_for(module))
    ]


@pytest.mark.parametrize("name", sorted({name.partition(".")[0] for name in MAY_IMPORT}))
def test_imports_point_the_agreed_way(name: str) -> None:
    assert breaches(name) == []


def test_the_client_takes_only_what_needs_no_aws() -> None:
    waiting = list(modules_below("client"))
    paths = {**modules_below("client"), **modules_below("shared")}
    seen: set[str] = set()
    needed: dict[str, str] = {}
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for imported in imports_of(paths[module]):
            needed.setdefault(imported.partition(".")[0], module)
            # `from shared.models import messages` imports a module, `import Audio` what is in one.
            waiting.extend(
                name for name in (imported, imported.rpartition(".")[0]) if name in paths
            )

    assert {name: by for name, by in needed.items() if name in FUNCTIONS_ONLY} == {}


@pytest.mark.parametrize(
    ("statement", "imported"),
    [
        ("import shared.fanout.audience", ["shared.fanout.audience"]),
        ("from shared import services", ["shared.services"]),
        (
            "from shared.models.errors import A, B",
            ["shared.models.errors.A", "shared.models.errors.B"],
        ),
        ("from . import table", ["shared.data_access.table"]),
        ("from .table import Table", ["shared.data_access.table.Table"]),
        ("from ..services import audience", ["shared.fanout.audience"]),
        ("def late():\n    import client", ["client"]),
    ],
)
def test_every_way_to_import_is_seen(statement: str, imported: list[str]) -> None:
    assert list(imports(statement, "shared.data_access.repository")) == imported


def test_the_longest_rule_counts() -> None:
    assert rule_of("shared.fanout.connection_gateway") == "shared.fanout.connection_gateway"
    assert rule_of("shared.fanout.audience") == "shared.services"
    assert rule_of("shared.newcomer") == "shared"
