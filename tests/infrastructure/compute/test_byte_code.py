"""Byte code of layer and functions: for Lambda's Python version, whichever runs here."""

from __future__ import annotations

import os
from pathlib import Path

import aws_cdk as cdk
import pytest

from infrastructure.compute import layer
from infrastructure.compute.byte_code import ByteCodeError, compile_folder
from infrastructure.compute.layer import RUNTIME
from infrastructure.stack import LingocastStack
from infrastructure.stage.context import cdk_json_context, config_from
from local.base.processes import node_binary
from tests.infrastructure.assembly import ROOT

# The magic number of Python 3.13, and the flag of a hash-based file whose source is not checked:
# https://github.com/python/cpython/blob/3.13/Include/internal/pycore_magic_number.h
# https://peps.python.org/pep-0552/
HEADER = (3571).to_bytes(2, "little") + b"\r\n" + (1).to_bytes(4, "little")


@pytest.fixture(autouse=True)
def compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip tests without Pyodide; fail them if programs are required."""
    if not (ROOT / "node_modules" / "pyodide").exists():
        if os.environ.get("LINGOCAST_REQUIRE_PROGRAMS") == "1":
            pytest.fail("Pyodide is missing: make setup")
        pytest.skip("Pyodide is missing: make setup")
    monkeypatch.setenv("JSII_NODE", node_binary())


def headers(folder: Path) -> dict[str, bytes]:
    """The first bytes of each compiled file, by its source."""
    return {
        str(path.relative_to(folder)): next(
            path.parent.glob(f"__pycache__/{path.stem}.cpython-313.pyc")
        ).read_bytes()[:8]
        for path in folder.rglob("*.py")
    }


def test_files_are_compiled_for_the_runtime_and_valid_whatever_their_dates(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text("VALUE = 1\n")

    compile_folder(tmp_path, "/opt/python", RUNTIME.name)

    assert headers(tmp_path) == {"package/module.py": HEADER}
    (compiled,) = tmp_path.rglob("*.pyc")
    assert b"/opt/python/package/module.py" in compiled.read_bytes()


def test_files_that_cannot_be_compiled_are_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "template.py").write_text("{{ not Python }\n")
    (tmp_path / "module.py").write_text("VALUE = 1\n")

    compile_folder(tmp_path, "/opt/python", RUNTIME.name)

    assert [path.name for path in tmp_path.rglob("*.pyc")] == ["module.cpython-313.pyc"]


def test_a_compiler_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ByteCodeError, match=r"Pyodide has Python 3\.13; functions run on 3\.12"):
        compile_folder(tmp_path, "/opt/python", "python3.12")


def test_a_missing_node_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSII_NODE", str(tmp_path / "node"))

    with pytest.raises(ByteCodeError, match=r"cannot compile .*No such file"):
        compile_folder(tmp_path, "/opt/python", RUNTIME.name)


def test_a_deployment_has_byte_code_for_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpack(command: list[str]) -> None:
        target = Path(command[-1].removeprefix("--target="))
        target.mkdir()
        (target / "package.py").write_text("VALUE = 1\n")

    monkeypatch.setattr(layer, "install", unpack)
    monkeypatch.setenv("CDK_VALIDATION", "false")
    app = cdk.App(outdir=str(tmp_path), context=cdk_json_context(), analytics_reporting=False)
    stack = LingocastStack(app, config_from(app.node.try_get_context, None))
    app.synth()
    stack.add_byte_code(tmp_path)

    found = [headers(asset) for asset in tmp_path.glob("asset.*")]
    assert sorted(len(each) > 1 for each in found) == [False, True]
    assert {header for each in found for header in each.values()} == {HEADER}
    assert any("lambda/connect/handler.py" in each for each in found)
