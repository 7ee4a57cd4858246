"""Imports point one way, package by package; docs/architecture.md draws the map.

Read from the source text, so that imports inside functions count too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
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

_WIRE = ("shared.models", "shared.protocol", "shared.utils")
_STORED = (*_WIRE, "shared.data_access")
_CORE = (*_STORED, "shared.fanout", "shared.services")
_SLICES = ("shared.announcements", "shared.devices", "shared.interpretation")
_CLIENT = ("client.changes", "client.errors", "client.escaping", "client.urls", *_WIRE)

# What the modules of a package may import of the project, beside the package itself. The longest
# name that fits counts. Slices use the core; the core uses no slice, and no slice another.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "shared": (),
    "shared.models": (),
    "shared.protocol": ("shared.models",),
    "shared.utils": _WIRE,
    "shared.data_access": _WIRE,
    "shared.aws": _STORED,
    "shared.fanout": _STORED,
    "shared.services": _CORE,
    "shared.admission": _STORED,
    "shared.entrypoints": (*_WIRE, "shared.admission"),
    **dict.fromkeys(_SLICES, (*_CORE, "shared.entrypoints")),
    "shared.wiring": ("shared",),
    "lambda": ("shared",),
    "lambda.interpreter": ("shared", "interpreter"),
    "client": _WIRE,
    "client.protocol": _CLIENT,
    "client.sound": _CLIENT,
    "client.tokens": _CLIENT,
    "client.playback": (*_CLIENT, "client.protocol", "client.sound"),
    "client.connection": (*_CLIENT, "client.protocol", "client.playback", "client.tokens"),
    "client.flows": (*_WIRE, "client"),
    "client.__main__": ("cli",),  # the former name of the command line
    "interpreter": (*_WIRE, "client"),
    "interpreter.engines": (
        *(*_CLIENT, "client.sound"),
        *("interpreter.engine", "interpreter.loudness", "interpreter.timeline"),
    ),
    "cli": (*_WIRE, "client", "interpreter"),
    "local": _WIRE,
    "local.runtime.live_code": (*_WIRE, "local", "infrastructure.compute.code"),
    "infrastructure": _WIRE,
    # It writes the file from which the client renews its token.
    "infrastructure.commands.users": (*_WIRE, "infrastructure", "client"),
    "app": ("infrastructure",),
    "conformance": (*_WIRE, "infrastructure"),
    "conformance.probe": (),
    "demo": (*_WIRE, "client", "cli", "local", "interpreter.engines.offline.programs"),
}

# About as many names as fit on a screen, `__init__.py` and helpers of tests among them.
MOST_FILES = 28

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


def path_of(imported: str) -> Path | None:
    """The module that an import takes: `a/b/c.py` for `a.b.c`, else `a/b.py`."""
    for name in (imported, imported.rpartition(".")[0]):
        path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        if path.exists():
            return path
    return None


def package_of(path: Path) -> str:
    """The package of a module; the command line and its smoke test are one."""
    folders = path.relative_to(ROOT).parent.parts
    return ".".join(folders[:1] if folders[0] == "cli" else folders)


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
        ("from ..fanout import audience", ["shared.fanout.audience"]),
        ("def late():\n    import client", ["client"]),
    ],
)
def test_every_way_to_import_is_seen(statement: str, imported: list[str]) -> None:
    assert list(imports(statement, "shared.data_access.repository")) == imported


def test_the_longest_rule_counts() -> None:
    assert rule_of("client.flows.speaker") == "client.flows"
    assert rule_of("client.flowery") == "client"
    assert rule_of("shared.newcomer") == "shared"


def test_no_packages_import_each_other_in_a_circle() -> None:
    imported: dict[str, set[str]] = {}
    for name in set(PACKAGES) - {"tests"}:
        for module, path in modules_below(name).items():
            package = package_of(path)
            wanted = {package_of(found) for found in map(path_of, imports_of(path)) if found}
            if module != "client.__main__":
                imported.setdefault(package, set()).update(wanted - {package})

    tuple(TopologicalSorter(imported).static_order())  # raises CycleError, which names the circle


def test_no_folder_holds_more_than_a_reader_can_take_in() -> None:
    sizes = {
        str(folder.relative_to(ROOT)): len(list(folder.glob("*.py")))
        for name in PACKAGES
        for folder in [ROOT / name, *(ROOT / name).rglob("*/")]
    }
    assert {folder: size for folder, size in sizes.items() if size > MOST_FILES} == {}
