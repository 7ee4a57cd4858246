"""The layer of dependencies: wheels for Lambda, fetched by pip, without docker.

The wheels are for the runtime's system and version, whatever this runs on.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64

_ROOT = Path(__file__).parents[2]
_REQUIREMENTS = _ROOT / "lambda" / "requirements.txt"
_CONSTRAINTS = _ROOT / "constraints.txt"
# What the runtime's Amazon Linux 2023 can load: its glibc is 2.34 and aarch64 is Arm's name there.
# https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
_WHEEL_OPTIONS = (
    "--only-binary=:all:",
    "--implementation=cp",
    f"--python-version={RUNTIME.name.removeprefix('python')}",
    "--platform=manylinux_2_34_aarch64",
    "--platform=manylinux_2_28_aarch64",
    "--platform=manylinux2014_aarch64",
    # pip's own compilation goes by dates, which the zip does not keep.
    "--no-compile",
)
# Without compiled files every cold start compiles what it imports: the layer's folder is read-only.
# They hold for one minor version of Python, whatever the processor.
_COMPILES = RUNTIME.name == f"python{sys.version_info.major}.{sys.version_info.minor}"


class LayerBuildError(Exception):
    """pip could not fetch the dependencies; the message says what it said."""


def pip_command(target: Path) -> list[str]:
    """The command that puts the dependencies, in wheels for Lambda, into `target`."""
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


def compile_command(target: Path) -> list[str]:
    """The command that compiles the packages in `target`, never to be checked against sources."""
    return [
        sys.executable,
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode=unchecked-hash",
        # What a traceback calls the files.
        f"-s{target}",
        "-p/opt/python",
        str(target),
    ]


def install(command: list[str]) -> None:
    """Run pip. Raises LayerBuildError."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip() or done.stdout.strip() or "it said nothing"
        raise LayerBuildError(
            f"the dependency layer could not be built: pip ended with {done.returncode}: {reason}\n"
            "(pip also speaks of conflicts when it cannot reach the package index, or when there "
            "is no wheel for Lambda)"
        )


@jsii.implements(cdk.ILocalBundling)
class WheelBundling:
    """Fills the layer on this machine."""

    def try_bundle(self, output_dir: str, *options: object, **named_options: object) -> bool:
        """Always True: what goes wrong is raised, as docker would not set it right."""
        # The runtime has /opt/python on its path:
        # https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html
        target = Path(output_dir) / "python"
        install(pip_command(target))
        if _COMPILES:
            # A file that does not compile (a package's template, say) is compiled by nobody else.
            subprocess.run(compile_command(target), capture_output=True, check=False)
        return True


def _asset_hash(*, built: bool) -> str:
    """What the contents follow from; not the contents, which differ a little from run to run.

    An unbuilt layer has another: what is uploaded once under a hash is never uploaded again.
    """
    contents = f"built {built}, compiled {built and _COMPILES}"
    source = (_REQUIREMENTS.read_text(), _CONSTRAINTS.read_text(), *_WHEEL_OPTIONS, contents)
    return hashlib.sha256("\n".join(source).encode()).hexdigest()


def create_layer(scope: Construct) -> lambda_.LayerVersion:
    """The layer; the context `aws:cdk:bundling-stacks` set to an empty list leaves it unbuilt."""
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
