"""Deploys a stage.

    python -m infrastructure.commands.deploy --stage prod -- --require-approval never

Options after `--` go to the CDK. The first deployment of a stage that protects its data takes two
steps: without protections, so that CloudFormation can roll a failure back, then with them. A stack
in service keeps its protections.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from infrastructure.commands.outputs import CALLS, session
from infrastructure.stage.config import STAGES, ConfigError, StageConfig
from infrastructure.stage.context import NOBODY, cdk_json_context, config_from

_ROOT = Path(__file__).parents[2]
_CDK = _ROOT / "node_modules" / ".bin" / "cdk"
_CONTEXT_OPTIONS = ("--context", "-c")
# States of a stack that was never in service. The CDK deletes such a stack before it deploys:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
_NEVER_CREATED = frozenset(
    {"REVIEW_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}
)
_GONE = "DELETE_COMPLETE"
_DELETE_FAILED = "DELETE_FAILED"
_IN_PROGRESS = "_IN_PROGRESS"


class CloudFormation(Protocol):
    """The operations of boto3's client in use."""

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        """Return a list with the stack; raises ClientError if there is none."""

    def update_termination_protection(
        self,
        *,
        StackName: str,  # noqa: N803
        EnableTerminationProtection: bool,  # noqa: N803
    ) -> Any:
        """Enable or disable termination protection."""


@dataclass(frozen=True)
class Deployment:
    """One run of `cdk deploy` with additional context."""

    title: str
    context: Mapping[str, str] = field(default_factory=dict)


_PLAIN = Deployment("Deploying")
_FIRST = Deployment(
    "First deployment, without protections so that it can be rolled back", {"protection": "off"}
)
_PROTECTED = Deployment("Protecting what has been deployed")


@dataclass(frozen=True)
class StackState:
    """The status of the stack, or None if the account has none of this name."""

    status: str | None = None
    termination_protection: bool = False

    @property
    def in_service(self) -> bool:
        """Whether its creation ever completed."""
        return self.status is not None and self.status not in _NEVER_CREATED


def state_of(name: str, client: CloudFormation) -> StackState:
    """Read the stack's state from CloudFormation. Raises ConfigError if that fails."""
    try:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return StackState()
        raise ConfigError(f"cannot read the state of the stack {name}: {error}") from None
    if stack["StackStatus"] == _GONE:
        return StackState()
    return StackState(stack["StackStatus"], bool(stack.get("EnableTerminationProtection")))


def check_watched(config: StageConfig, context: Mapping[str, object]) -> None:
    """Raise ConfigError if the stage has an alarm topic but no subscriber.

    Deploying without the address would remove an existing subscription.
    """
    if config.alarm_topic and not config.alarm_email and context.get("alarmEmail") != NOBODY:
        raise ConfigError(
            f"alarmEmail: alarms of {config.stage} would have no recipient; set "
            f'ARGS="--context alarmEmail=ops@example.org", or alarmEmail={NOBODY} if something '
            "else subscribes to the topic"
        )


def plan(config: StageConfig, state: StackState) -> tuple[Deployment, ...]:
    """The deployments that bring a stage from `state` to `config`.

    Raises ConfigError if no deployment can succeed.
    """
    name, status = config.stack_name, state.status or ""
    if status == _DELETE_FAILED:
        raise ConfigError(
            f"the stack {name} is {status}: see CloudFormation's events for what could not be "
            f"deleted; finish with `make destroy STAGE={config.stage}`, then deploy"
        )
    if status.endswith(_IN_PROGRESS) and status not in _NEVER_CREATED:
        raise ConfigError(f"the stack {name} is {status}: wait until it has finished, then deploy")
    if config.deletion_protection and not state.in_service:
        return (_FIRST, _PROTECTED)
    return (_PLAIN,)


def remove_termination_protection(name: str, state: StackState, client: CloudFormation) -> bool:
    """Disable termination protection of a stack that was never in service.

    The CDK deletes such a stack before it deploys, which the protection would prevent. Returns
    whether the stack was protected.
    """
    if state.in_service or not state.termination_protection:
        return False
    client.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    return True


def command(deployment: Deployment, stage: str, options: Sequence[str]) -> list[str]:
    """The command line of one deployment. Our context comes last, as the last value wins."""
    context = {**deployment.context, "stage": stage}
    return [
        str(_CDK),
        "deploy",
        "--app",
        shlex.join((sys.executable, "app.py")),
        "--outputs-file",
        f"outputs-{stage}.json",
        *options,
        *(part for item in context.items() for part in ("--context", "=".join(item))),
    ]


def context_of(options: Sequence[str]) -> dict[str, object]:
    """The context of a deployment: `cdk.json`, overridden by the options."""
    return {**cdk_json_context(), **dict(_given(options))}


def profile_of(options: Sequence[str]) -> str | None:
    """The AWS profile among the CDK's options, if any."""
    return dict(_values(options, ("--profile",))).get("--profile")


def deploy(
    stage: str,
    options: Sequence[str],
    client: CloudFormation,
    run: Callable[[Sequence[str]], int],
    *,
    tell: Callable[[str], None] = print,
    region: str | None = None,
) -> int:
    """Deploy in one or two steps; `run` runs the CDK. Returns the first exit status that is not 0.

    Raises ConfigError, and ClientError if CloudFormation rejects a request.
    """
    context = {**context_of(options), "stage": stage}
    config = config_from(context.get, region)
    check_watched(config, context)
    state = state_of(config.stack_name, client)
    deployments = plan(config, state)
    if remove_termination_protection(config.stack_name, state, client):
        tell(
            f"==> Removed termination protection of {config.stack_name}, which was never in service"
        )
    for number, deployment in enumerate(deployments):
        if number and not state_of(config.stack_name, client).in_service:
            # For example with `--no-execute`. Protection would prevent rollback and retry.
            tell(f"==> Left {config.stack_name} unprotected, because it is not in service yet")
            break
        tell(f"==> {deployment.title}: {config.stack_name}")
        if status := run(command(deployment, stage, options)):
            return status
    return 0


def _given(options: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Keys and values of `--context key=value`, `--context=key=value` and `-c key=value`."""
    for _, value in _values(options, _CONTEXT_OPTIONS):
        key, _, text = value.partition("=")
        yield key, text


def _values(options: Sequence[str], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The options with these names and their values, after a space or an equals sign."""
    for option, next_one in pairwise((*options, "")):
        name, joined, value = option.partition("=")
        if name in names:
            yield name, value if joined else next_one


def _run(arguments: Sequence[str]) -> int:
    return subprocess.run(arguments, cwd=_ROOT, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m infrastructure.commands.deploy", description="Deploy a stage with the CDK."
    )
    parser.add_argument("--stage", choices=STAGES, default="dev")
    parser.add_argument("options", nargs="*", metavar="-- CDK OPTIONS")
    given = parser.parse_args(arguments)
    try:
        client = session(profile_of(given.options)).client("cloudformation", config=CALLS)
        return deploy(given.stage, given.options, client, _run, region=client.meta.region_name)
    except BotoCoreError as error:
        message = f"cannot reach AWS: {error}"
    except (ConfigError, ClientError) as error:
        message = str(error)
    print(f"deploy: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
