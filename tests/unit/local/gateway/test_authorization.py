"""Evaluation of a Lambda authorizer's result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.gateway.authorization import MAX_RESULT_BYTES, decide
from local.runtime.invocation import Outcome

ARN = "arn:aws:execute-api:eu-central-1:000000000000:api/dev/$connect"


def answer(*statements: tuple[str, str], context: object = None) -> dict[str, Any]:
    return {
        "principalId": "alice",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
                for effect, resource in statements
            ],
        },
        "context": context,
    }


def status(result: object) -> int:
    return decide(Outcome(json.dumps(result).encode()), ARN).status


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([("Allow", ARN)], 200),
        ([("Allow", "*")], 200),
        ([("Allow", ARN.replace("$connect", "*"))], 200),
        ([("Allow", "arn:aws:execute-api:*:*:other/dev/*")], 403),
        ([("Deny", ARN)], 403),
        ([("Allow", "*"), ("Deny", ARN)], 403),
        ([("Allow", ARN), ("Deny", "arn:other")], 200),
        ([], 403),
    ],
)
def test_an_explicit_denial_wins_and_the_default_is_to_deny(
    statements: list[tuple[str, str]], expected: int
) -> None:
    assert status(answer(*statements)) == expected


@pytest.mark.parametrize("action", ["execute-api:*", "*", "EXECUTE-API:INVOKE", ["x", "*"]])
def test_actions_are_matched_as_in_iam(action: object) -> None:
    result = answer(("Allow", "*"))
    result["policyDocument"]["Statement"][0]["Action"] = action
    assert status(result) == 200


def test_a_single_statement_needs_no_list() -> None:
    result = answer(("Allow", "*"))
    result["policyDocument"]["Statement"] = result["policyDocument"]["Statement"][0]
    assert status(result) == 200


def test_context_values_become_strings_and_include_the_principal() -> None:
    result = answer(("Allow", "*"), context={"text": "a", "number": 1.5, "yes": True, "no": False})
    assert decide(Outcome(json.dumps(result).encode()), ARN).context == {
        "text": "a",
        "number": "1.5",
        "yes": "true",
        "no": "false",
        "principalId": "alice",
    }


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        "Allow",
        {},
        {"principalId": "alice"},
        {"principalId": "alice", "policyDocument": {"Statement": [{"Effect": "Allow"}]}},
        answer(("Allow", "*"), context={"nested": {"a": 1}}),
        answer(("Allow", "*"), context={"list": [1]}),
        answer(("Allow", "*"), context="text"),
        answer(("Allow", "*"), context={"big": "x" * MAX_RESULT_BYTES}),
    ],
)
def test_a_malformed_result_is_a_500(result: object) -> None:
    assert status(result) == 500


def test_the_exception_unauthorized_is_a_401() -> None:
    assert decide(Outcome.failure("Exception", "Unauthorized"), ARN).status == 401


@pytest.mark.parametrize("message", ["unauthorized", "Unauthorized!", ""])
def test_any_other_exception_is_a_500(message: str) -> None:
    assert decide(Outcome.failure("Exception", message), ARN).status == 500


def test_a_result_that_is_not_json_is_a_500() -> None:
    assert decide(Outcome(b"{"), ARN).status == 500
