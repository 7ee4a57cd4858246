"""Contract tests of the AWS engine, with both tiers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from interpreter.engine import Engine
from tests.helpers.aws_speech import SENTENCES, AwsSpeech, floor_pcm
from tests.unit.interpreter.engines.aws.support import engine_on
from tests.unit.interpreter.engines.engine_contract import EngineContract, Floor


class TestAwsEngine(EngineContract):
    @pytest.fixture(params=["standard", "premium"])
    async def engine(self, request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
        with AwsSpeech() as aws:
            async with engine_on(aws, tier=request.param) as engine:
                yield engine

    @pytest.fixture
    def floor(self) -> Floor:
        return Floor("en", 16_000, floor_pcm(), SENTENCES, "es")
