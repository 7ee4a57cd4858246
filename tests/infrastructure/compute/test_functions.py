"""The functions: their settings, their code, and that the two work together."""

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

# What of it the functions read:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
SET_BY_LAMBDA = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
}

every_function = pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)

# Imports a handler as Lambda does. What a function would not have is not to be found here either.
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


# Imports it, and says what is loaded then.
LOADED_BY_HANDLER = """
import importlib, sys
importlib.import_module(sys.argv[1].rpartition(".")[0])
print(*sorted(sys.modules))
"""


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where compiled modules go, so that the staged code stays as it is."""
    return tmp_path_factory.mktemp("bytecode")


def environment(assembly: Assembly, spec: FunctionSpec) -> dict[str, str]:
    """The function's environment as it would be, made-up values for what only AWS knows."""
    variables = assembly.function(spec.name)["Environment"]["Variables"]
    return {
        name: "https://aws.test/made-up" if value.startswith("<") else value
        for name, value in variables.items()
    }


def test_functions_run_the_same_files_here_as_on_aws(assembly: Assembly) -> None:
    staged = {path for path in assembly.code.rglob("*") if path.is_file()}

    assert {path.relative_to(assembly.code).as_posix() for path in staged} == set(
        CodeFiles(ROOT, LEFT_OUT).files()
    )


def test_there_is_a_function_for_each_of_the_table(assembly: Assembly) -> None:
    handlers = [item["Handler"] for item in assembly.of_type("AWS::Lambda::Function").values()]

    assert sorted(handlers) == sorted(
        f"lambda.{spec.name}.handler.lambda_handler" for spec in FUNCTIONS
    )


@every_function
def test_it_is_configured_as_the_table_says(assembly: Assembly, spec: FunctionSpec) -> None:
    function = assembly.function(spec.name)

    assert function["FunctionName"] == f"lingocast-dev-{spec.name.replace('_', '-')}"
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert function["MemorySize"] == spec.memory_mb
    assert function["Timeout"] == spec.timeout_seconds
    (layer,) = assembly.of_type("AWS::Lambda::LayerVersion")
    assert function["Layers"] == [f"<{layer}>"]


@every_function
def test_its_environment_is_of_its_settings_alone_and_enough_for_them(
    assembly: Assembly, spec: FunctionSpec
) -> None:
    variables = environment(assembly, spec)

    ours = set(variables) - set(POWERTOOLS)
    assert set(spec.settings.required_names()) <= ours <= set(spec.settings.names())
    assert set(POWERTOOLS) < set(variables)
    assert all(variables.values())
    load(spec.settings, variables)


@every_function
def test_its_logs_expire(assembly: Assembly, spec: FunctionSpec) -> None:
    function = assembly.function(spec.name)
    log_group = assembly.of_type("AWS::Logs::LogGroup")[
        function["LoggingConfig"]["LogGroup"].strip("<>")
    ]

    assert log_group == {
        "LogGroupName": f"/aws/lambda/{function['FunctionName']}",
        "RetentionInDays": 7,
    }


@every_function
def test_its_handler_imports_from_the_deployed_files(
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


def test_the_engine_that_is_deployed_loads_where_it_is_deployed(
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


def test_the_code_is_four_packages_and_nothing_else(assembly: Assembly) -> None:
    files = [path.relative_to(assembly.code) for path in assembly.code.rglob("*")]

    assert {file.parts[0] for file in files} == {"client", "interpreter", "lambda", "shared"}
    assert not [file for file in files if file.name.startswith(".") or file.suffix == ".pyc"]
    assert "__pycache__" not in {part for file in files for part in file.parts}


def test_the_code_is_all_of_these_packages_but_the_command_line(assembly: Assembly) -> None:
    staged = {path.relative_to(assembly.code) for path in (assembly.code).rglob("*.py")}
    for package in ("interpreter", "lambda", "shared"):
        sources = {path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py")}
        assert sources <= staged
    left_out = {
        path for path in (ROOT / "client").rglob("*.py") if path.relative_to(ROOT) not in staged
    }
    assert {path.name for path in left_out} == {"__main__.py"}
    # What stays needs nothing of what is left out.
    names = {module_name(path) for path in left_out}
    wanting = {
        str(path): wanted
        for path in staged
        for wanted in imports_of(ROOT / path)
        if any(is_below(wanted, name) for name in names)
    }
    assert wanting == {}


@every_function
def test_it_loads_nothing_that_is_for_terminals_or_for_numbers(
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
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "soxr", "soundfile", "rich", "typer", "pocketsphinx"}
    # 60 ms of every cold start: tokens are verified at the handshake, and otherwise seldom.
    assert ("jwt" in loaded) is (spec.name == "authorizer")


def test_a_setting_that_the_stack_cannot_supply_is_named() -> None:
    with pytest.raises(UnknownSettingError) as raised:
        environment_of(CONTROL, {"SESSIONS_TABLE": "sessions"})

    assert str(raised.value) == (
        "function control requires TOKEN_ISSUER, TOKEN_CLIENT_ID, INTERPRETER_FUNCTION,"
        " ANNOUNCEMENTS_TABLE, ANNOUNCEMENT_QUEUE_URL, API_GATEWAY_ENDPOINT, CONNECTIONS_TABLE,"
        " STATUS_QUEUE_URL, TIMER_QUEUE_URL"
        " (ControlSettings), but the stack only knows SESSIONS_TABLE"
    )


def absent_on_lambda() -> list[str]:
    """The packages installed here that are neither in the layer nor in the runtime."""
    available = available_to_functions()
    return [
        package
        for package, owners in metadata.packages_distributions().items()
        if not available & {canonical(owner) for owner in owners}
    ]


def available_to_functions() -> set[str]:
    """What the layer and the runtime hold: the stated requirements and boto3, with all of theirs.

    Read from what is installed here: the markers that depend on the platform are not evaluated.
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
    """The normalized name that a requirement starts with."""
    match = re.match(r"[A-Za-z0-9._-]*[A-Za-z0-9]", requirement.strip())
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()
