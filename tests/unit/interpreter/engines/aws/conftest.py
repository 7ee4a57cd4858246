from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from interpreter.engines.aws.engine import AwsEngine
from tests.helpers.aws_speech import AwsSpeech, boto_session
from tests.unit.interpreter.engines.aws.support import QUICK


@pytest.fixture
def aws() -> Iterator[AwsSpeech]:
    with AwsSpeech() as server:
        yield server


@pytest.fixture
async def engine(aws: AwsSpeech) -> AsyncIterator[AwsEngine]:
    made = AwsEngine(session=boto_session(), endpoints=aws.endpoints, timing=QUICK)
    yield made
    await made.close()
