"""Contract tests of the engines `aws` (on the fake server) and `scripted`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from interpreter.engine import Engine
from interpreter.engines.scripted import ScriptedEngine
from tests.helpers.aws_speech import AwsSpeech, floor_pcm
from tests.unit.interpreter.engines.aws.support import RATE, engine_on
from tests.unit.interpreter.engines.engine_contract import EngineContract, Floor

# One sentence for all, since concurrent recognisers share the script.
SENTENCE = "One two three four five."
FLOOR = Floor("en", RATE, floor_pcm([SENTENCE] * 2), (SENTENCE,) * 2, "es")


class TestAws(EngineContract):
    @pytest.fixture
    async def engine(self) -> AsyncIterator[Engine]:
        with AwsSpeech([SENTENCE]) as server:
            async with engine_on(server) as engine:
                yield engine

    @pytest.fixture
    def floor(self) -> Floor:
        return FLOOR


class TestScripted(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        return ScriptedEngine([SENTENCE])

    @pytest.fixture
    def floor(self) -> Floor:
        return FLOOR
