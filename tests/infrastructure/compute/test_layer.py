"""Building the layer of dependencies, without the network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infrastructure.compute import layer
from infrastructure.compute.layer import (
    LayerBuildError,
    WheelBundling,
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
    compiled: list[tuple[Path, str, str]] = []
    monkeypatch.setattr(layer, "install", commands.append)
    monkeypatch.setattr(layer, "compile_folder", lambda *given: compiled.append(given))

    assert WheelBundling().try_bundle(str(tmp_path)) is True
    assert commands == [pip_command(tmp_path / "python")]
    assert compiled == [(tmp_path / "python", "/opt/python", "python3.13")]


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
