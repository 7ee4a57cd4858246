"""A stack whose functions reach AWS's speech services, played by a local server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.support.clients import StackClients
from tests.e2e.support.stacks import launch_quiet
from tests.helpers.aws_speech import AwsSpeech


@dataclass(frozen=True)
class AwsStack:
    """A running stack, and the services that its functions call."""

    clients: StackClients
    aws: AwsSpeech


@pytest.fixture(scope="session")
def aws_stack() -> Iterator[AwsStack]:
    """Functions sign with the keys of their roles, which are unknown before the start."""
    with AwsSpeech(credentials=None) as aws, pytest.MonkeyPatch.context() as environment:
        for name, value in aws.environment.items():
            if name.startswith("AWS_ENDPOINT_URL_"):
                environment.setenv(name, value)
        with launch_quiet() as running:
            # Only the stack inherits them.
            environment.undo()
            yield AwsStack(StackClients(running), aws)
