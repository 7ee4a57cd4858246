"""Building the layer of dependencies, without the network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infrastructure.compute import layer
from infrastructure.compute.layer import (
    LayerBuildError,
    WheelBundling,
    compile_command,
    install,
    pip_command,
)
from tests.infrastructure.assembly import ROOT, Assembly


def test_pip_installs_wheels_for_lambda_only(tmp_path: Path) -> None:
    command = pip_command(tmp_path)

    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert "--only-binary=:all:" in command
    assert "--python-version=3.13" in command
    assert "--implementation=cp" in command
    assert f"--target={tmp_path}" in command
    platforms = [option for option in command if option.startswith("--platform=")]
    assert platforms
    assert all(option.endswith("_aarch64") for option in platforms)


def test_pip_installs_the_pinned_versions(tmp_path: Path) -> None:
    command = pip_command(tmp_path)

    assert f"--requirement={ROOT / 'lambda' / 'requirements.txt'}" in command
    assert f"--constraint={ROOT / 'constraints.txt'}" in command


def test_packages_are_in_the_runtimes_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(layer, "install", commands.append)
    monkeypatch.setattr(layer, "_COMPILES", False)

    assert WheelBundling().try_bundle(str(tmp_path)) is True
    assert commands == [pip_command(tmp_path / "python")]


def test_compiled_files_are_valid_whatever_their_dates(tmp_path: Path) -> None:
    (tmp_path / "package.py").write_text("VALUE = 1\n")
    install(compile_command(tmp_path))
    (compiled,) = tmp_path.rglob("*.pyc")

    # PEP 552: hash-based, without checking the source.
    assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00"
    assert b"/opt/python/package.py" in compiled.read_bytes()


@pytest.mark.parametrize("same", [True, False])
def test_packages_are_compiled_by_the_functions_python_version_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    def unpack(_command: list[str]) -> None:
        (tmp_path / "python").mkdir()
        (tmp_path / "python" / "package.py").write_text("VALUE = 1\n")

    monkeypatch.setattr(layer, "install", unpack)
    monkeypatch.setattr(layer, "_COMPILES", same)
    WheelBundling().try_bundle(str(tmp_path))

    assert bool(list(tmp_path.rglob("*.pyc"))) is same


def test_a_failure_includes_the_output_of_pip() -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('ERROR: no matching distribution')"]

    with pytest.raises(
        LayerBuildError, match=r"pip exited with 1: ERROR: no matching distribution"
    ):
        install(failing)


def test_a_failure_without_output_is_reported() -> None:
    with pytest.raises(LayerBuildError, match=r"pip exited with 3: no output"):
        install([sys.executable, "-c", "raise SystemExit(3)"])


def test_an_unbuilt_layer_is_not_taken_for_a_built_one() -> None:
    assert layer._asset_hash(built=False) != layer._asset_hash(built=True)


def test_the_layer_matches_runtime_and_architecture(assembly: Assembly) -> None:
    version = assembly.only("AWS::Lambda::LayerVersion")

    assert version["CompatibleRuntimes"] == ["python3.13"]
    assert version["CompatibleArchitectures"] == ["arm64"]
