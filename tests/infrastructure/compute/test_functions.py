"""The functions: configuration, environment, code and imports."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.function_table import CONTROL, FUNCTIONS
from infrastructure.compute.code import LEFT_OUT
from infrastructure.compute.functions import UnknownSettingError, environment_of
from local.runtime.code_files import CodeFiles
from shared.utils.settings import load
from tests.infrastructure.assembly import ROOT, Assembly
from tests.infrastructure.test_import_direction import imports_of, is_below, module_name

POWERTOOLS = ("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL")

# Variables of the Lambda runtime that the functions read:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
SET_BY_LAMBDA = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
}

every_function = pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)

EVERY = frozenset(spec.name for spec in FUNCTIONS)
# Modules that cost milliseconds of a cold start, with the functions that use them.
USERS: tuple[tuple[str, frozenset[str]], ...] = (
    # Libraries of the command line, and of the offline engine.
    ("numpy soxr soundfile rich typer pocketsphinx", frozenset()),
    # What boto3 adds to botocore, and what Powertools adds to logs and metrics.
    ("boto3 s3transfer multiprocessing", frozenset()),
    (
        "aws_lambda_powertools.utilities.batch aws_lambda_powertools.utilities.data_classes",
        frozenset(),
    ),
    # Verification of tokens; `control` imports it with the first `authenticate`.
    ("jwt cryptography", frozenset({"authorizer"})),
    ("asyncio websockets client interpreter", frozenset({"interpreter"})),
    ("botocore pycurl shared.interpretation", EVERY - {"authorizer"}),
    ("shared.announcements", frozenset({"announcements", "control"})),
    ("shared.devices", frozenset({"device_sync", "disconnect"})),
    ("shared.services.audio", frozenset({"audio_processor", "broadcast"})),
    ("shared.services.sweeps", frozenset({"timeout", "device_sync", "disconnect"})),
)

# Imports a handler as Lambda does, and hides packages that functions do not have.
IMPORT_HANDLER = """
import importlib, sys
handler, *absent = sys.argv[1:]
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
module_name, _, attribute = handler.rpartition(".")
module = importlib.import_module(module_name)
assert callable(getattr(module, attribute))
print(module.__file__)
"""


# Imports a handler and prints the loaded modules.
LOADED_BY_HANDLER = """
import importlib, sys
importlib.import_module(sys.argv[1].rpartition(".")[0])
print(*sorted(sys.modules))
"""


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for compiled modules, so that the staged code stays unchanged."""
    return tmp_path_factory.mktemp("bytecode")


def environment(assembly: Assembly, spec: FunctionSpec) -> dict[str, str]:
    """The function's environment, with made-up values for those that only AWS knows."""
    variables = assembly.function(spec.name)["Environment"]["Variables"]
    return {
        name: "https://aws.test/made-up" if value.startswith("<") else value
        for name, value in variables.items()
    }


def test_the_local_stack_and_aws_run_the_same_files(assembly: Assembly) -> None:
    staged = {path for path in assembly.code.rglob("*") if path.is_file()}

    assert {path.relative_to(assembly.code).as_posix() for path in staged} == set(
        CodeFiles(ROOT, LEFT_OUT).files()
    )


def test_functions_are_those_of_the_table(assembly: Assembly) -> None:
    handlers = [item["Handler"] for item in assembly.of_type("AWS::Lambda::Function").values()]

    assert sorted(handlers) == sorted(
        f"lambda.{spec.name}.handler.lambda_handler" for spec in FUNCTIONS
    )


@every_function
def test_each_function_is_configured_by_the_table(assembly: Assembly, spec: FunctionSpec) -> None:
    function = assembly.function(spec.name)

    assert function["FunctionName"] == f"lingocast-dev-{spec.name.replace('_', '-')}"
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert function["MemorySize"] == spec.memory_mb
    assert function["Timeout"] == spec.timeout_seconds
    (layer,) = assembly.of_type("AWS::Lambda::LayerVersion")
    assert function["Layers"] == [f"<{layer}>"]


@every_function
def test_the_environment_holds_exactly_the_functions_settings(
    assembly: Assembly, spec: FunctionSpec
) -> None:
    variables = environment(assembly, spec)

    ours = set(variables) - set(POWERTOOLS)
    assert set(spec.settings.required_names()) <= ours <= set(spec.settings.names())
    assert set(POWERTOOLS) < set(variables)
    assert all(variables.values())
    load(spec.settings, variables)


@every_function
def test_logs_expire(assembly: Assembly, spec: FunctionSpec) -> None:
    function = assembly.function(spec.name)
    log_group = assembly.of_type("AWS::Logs::LogGroup")[
        function["LoggingConfig"]["LogGroup"].strip("<>")
    ]

    assert log_group == {
        "LogGroupName": f"/aws/lambda/{function['FunctionName']}",
        "RetentionInDays": 7,
    }


@every_function
def test_each_handler_imports_from_the_staged_code(
    assembly: Assembly, spec: FunctionSpec, tmp_path: Path, bytecode: Path
) -> None:
    function = assembly.function(spec.name)
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_HANDLER, function["Handler"], *absent_on_lambda()],
        env={
            **environment(assembly, spec),
            "PYTHONPATH": str(assembly.code),
            "PYTHONPYCACHEPREFIX": str(bytecode),
            **SET_BY_LAMBDA,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(assembly.code)


def test_the_aws_engine_imports_from_the_staged_code(
    assembly: Assembly, tmp_path: Path, bytecode: Path
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            IMPORT_HANDLER,
            "interpreter.engines.aws.engine.AwsEngine",
            *absent_on_lambda(),
        ],
        env={
            "PYTHONPATH": str(assembly.code),
            "PYTHONPYCACHEPREFIX": str(bytecode),
            **SET_BY_LAMBDA,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(assembly.code)


def test_the_staged_code_is_four_packages(assembly: Assembly) -> None:
    files = [path.relative_to(assembly.code) for path in assembly.code.rglob("*")]

    assert {file.parts[0] for file in files} == {"client", "interpreter", "lambda", "shared"}
    assert not [file for file in files if file.name.startswith(".") or file.suffix == ".pyc"]
    assert "__pycache__" not in {part for file in files for part in file.parts}


def test_the_staged_code_is_complete_without_the_command_line(assembly: Assembly) -> None:
    staged = {path.relative_to(assembly.code) for path in (assembly.code).rglob("*.py")}
    for package in ("interpreter", "lambda", "shared"):
        sources = {path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py")}
        assert sources <= staged
    left_out = {
        path for path in (ROOT / "client").rglob("*.py") if path.relative_to(ROOT) not in staged
    }
    assert {path.name for path in left_out} == {"__main__.py"}
    # No staged module imports one that is left out.
    names = {module_name(path) for path in left_out}
    wanting = {
        str(path): wanted
        for path in staged
        for wanted in imports_of(ROOT / path)
        if any(is_below(wanted, name) for name in names)
    }
    assert wanting == {}


@every_function
def test_each_handler_imports_only_what_it_uses(
    assembly: Assembly, spec: FunctionSpec, tmp_path: Path, bytecode: Path
) -> None:
    function = assembly.function(spec.name)
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY_HANDLER, function["Handler"]],
        env={
            **environment(assembly, spec),
            "PYTHONPATH": str(assembly.code),
            "PYTHONPYCACHEPREFIX": str(bytecode),
            **SET_BY_LAMBDA,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    unused = [
        module for modules, users in USERS if spec.name not in users for module in modules.split()
    ]
    assert not [name for name in loaded if any(is_below(name, module) for module in unused)]


def test_values_are_structs_because_dataclasses_slow_cold_starts() -> None:
    # A dataclass takes half a millisecond to define, a struct 14 µs.
    files = [path for package in ("shared", "lambda") for path in (ROOT / package).rglob("*.py")]

    assert not [path for path in files if "dataclasses" in imports_of(path)]


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(UnknownSettingError) as raised:
        environment_of(CONTROL, {"SESSIONS_TABLE": "sessions"})

    assert str(raised.value) == (
        "function control requires TOKEN_ISSUER, TOKEN_CLIENT_ID, INTERPRETER_FUNCTION,"
        " ANNOUNCEMENTS_TABLE, ANNOUNCEMENT_QUEUE_URL, API_GATEWAY_ENDPOINT, CONNECTIONS_TABLE,"
        " STATUS_QUEUE_URL, TIMER_QUEUE_URL"
        " (ControlSettings), but the stack only knows SESSIONS_TABLE"
    )


def absent_on_lambda() -> list[str]:
    """Packages installed here that are neither in the layer nor in the runtime."""
    available = available_to_functions()
    return [
        package
        for package, owners in metadata.packages_distributions().items()
        if not available & {canonical(owner) for owner in owners}
    ]


def available_to_functions() -> set[str]:
    """Packages of the layer and the runtime: the requirements, boto3 and their dependencies.

    Read from the packages installed here, without evaluating platform markers.
    """
    stated = (ROOT / "lambda" / "requirements.txt").read_text().splitlines()
    waiting = ["boto3", *(line for line in stated if line and not line.startswith("#"))]
    found: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonical(requirement)
        wanted_extras = re.findall(r"\[(.+?)\]", requirement)
        if name in found and not wanted_extras:
            continue
        found.add(name)
        for dependency in requires(name):
            extra = re.search(r"extra == ['\"](.+?)['\"]", dependency)
            if extra is None or extra[1] in wanted_extras:
                waiting.append(dependency.partition(";")[0])
    return found


def requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # for another platform or version
        return []


def canonical(requirement: str) -> str:
    """The normalized package name of a requirement."""
    match = re.match(r"[A-Za-z0-9._-]*[A-Za-z0-9]", requirement.strip())
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()
