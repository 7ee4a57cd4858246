"""Scheduled rules of a running stack invoke functions and send to queues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local.launch import launch
from tests.integration.local.support import eventually
from tests.unit.local import assembly

# Writes every event to a folder.
CODE = """
import json, os, pathlib, uuid

def ring(event, context):
    path = pathlib.Path(os.environ["FOLDER"]) / f"{uuid.uuid4()}.json"
    path.with_suffix(".part").write_text(json.dumps(event))
    path.with_suffix(".part").rename(path)
"""


async def test_a_rule_reaches_its_function_and_its_queue(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    ring = assembly.function("functions.ring", FOLDER=str(seen))
    template = assembly.with_routes({"$connect": "Ring"}, Ring=ring)
    template = assembly.with_queue(template, "Bells", "Ring", DelaySeconds=0)
    template["Resources"]["Role"] = assembly.role(
        assembly.allow(
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            {"Fn::GetAtt": ["Bells", "Arn"]},
        )
    )
    template = assembly.with_rule(template, "Every", "Ring", "Bells", Name="every-minute")
    path = assembly.write(tmp_path / "assembly", template, CODE)

    def events() -> list[dict[str, Any]]:
        return [json.loads(item.read_text()) for item in seen.glob("*.json")]

    def by_queue() -> list[dict[str, Any]]:
        records = [record for event in events() for record in event.get("Records", ())]
        return [json.loads(record["body"]) for record in records]

    def directly() -> list[dict[str, Any]]:
        return [event for event in events() if "Records" not in event]

    with launch(extra_args=["--template", str(path), "--schedule-seconds", "0.2"]):
        await eventually(lambda: len(directly()) >= 2, "the function is invoked again and again")
        await eventually(by_queue, "a message comes through the queue")

    arn = "arn:aws:events:eu-central-1:000000000000:rule/every-minute"
    assert all(event["resources"] == [arn] for event in directly())
    ids = [event["id"] for event in directly()]
    assert len(set(ids)) == len(ids)
    assert {event["id"] for event in by_queue()} <= set(ids)
