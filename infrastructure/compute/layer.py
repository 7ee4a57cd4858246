"""The layer of dependencies: wheels that pip fetches for Lambda's platform, without Docker."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.compute.byte_code import compile_folder

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64

_ROOT = Path(__file__).parents[2]
_REQUIREMENTS = _ROOT / "lambda" / "requirements.txt"
_CONSTRAINTS = _ROOT / "constraints.txt"
# Platforms that the runtime's Amazon Linux 2023 supports: glibc 2.34, aarch64.
# https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
_WHEEL_OPTIONS = (
    "--only-binary=:all:",
    "--implementation=cp",
    f"--python-version={RUNTIME.name.removeprefix('python')}",
    "--platform=manylinux_2_34_aarch64",
    "--platform=manylinux_2_28_aarch64",
    "--platform=manylinux2014_aarch64",
    # pip would compile for the Python version of this machine.
    "--no-compile",
)


class LayerBuildError(Exception):
    """pip could not fetch the dependencies; the message includes its output."""


def pip_command(target: Path) -> list[str]:
    """The command that installs wheels for Lambda into `target`."""
    return [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        *_WHEEL_OPTIONS,
        f"--requirement={_REQUIREMENTS}",
        f"--constraint={_CONSTRAINTS}",
        f"--target={target}",
    ]


def install(command: list[str]) -> None:
    """Run pip. Raises LayerBuildError."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip() or done.stdout.strip() or "no output"
        raise LayerBuildError(
            f"cannot build the dependency layer: pip exited with {done.returncode}: {reason}\n"
            "(pip also reports conflicts if the package index is unreachable or has no wheel for "
            "Lambda)"
        )


@jsii.implements(cdk.ILocalBundling)
class WheelBundling:
    """Builds the layer on this machine."""

    def try_bundle(self, output_dir: str, *options: object, **named_options: object) -> bool:
        """Build the layer. Always True: errors are raised, as Docker would not help."""
        # The runtime has /opt/python on its path:
        # https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html
        target = Path(output_dir) / "python"
        install(pip_command(target))
        compile_folder(target, "/opt/python", RUNTIME.name)
        return True


def _asset_hash(*, built: bool) -> str:
    """A hash of the layer's inputs; its contents differ slightly between builds.

    An unbuilt layer has a different hash, because an asset is uploaded once per hash.
    """
    contents = f"compiled for {RUNTIME.name}" if built else "empty"
    source = (_REQUIREMENTS.read_text(), _CONSTRAINTS.read_text(), *_WHEEL_OPTIONS, contents)
    return hashlib.sha256("\n".join(source).encode()).hexdigest()


def create_layer(scope: Construct) -> lambda_.LayerVersion:
    """Create the layer; an empty `aws:cdk:bundling-stacks` in the context leaves it unbuilt."""
    code = lambda_.Code.from_asset(
        str(_REQUIREMENTS.parent),
        asset_hash=_asset_hash(built=cdk.Stack.of(scope).bundling_required),
        bundling=cdk.BundlingOptions(image=RUNTIME.bundling_image, local=WheelBundling()),
    )
    return lambda_.LayerVersion(
        scope,
        "Dependencies",
        description="What the functions import beside boto3",
        code=code,
        compatible_runtimes=[RUNTIME],
        compatible_architectures=[ARCHITECTURE],
    )
