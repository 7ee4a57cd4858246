"""Evaluation of policy statements: examples, and properties of wildcards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.template.model import Statement
from local.template.policy import allows, is_resource

TABLE = "arn:aws:dynamodb:eu-central-1:000000000000:table/sessions"
POST = "arn:aws:execute-api:eu-central-1:000000000000:api/dev/POST/@connections/"

letters = st.text("abcXYZ019-_/@+=.()[]", max_size=12)
arns = st.builds(
    lambda service, region, account, resource: f"arn:aws:{service}:{region}:{account}:{resource}",
    *(st.text("abc-019", max_size=8),) * 3,
    st.text("abc-019/:@=", max_size=20),
)


def statement(action: str, resource: str) -> Statement:
    return Statement((action,), (resource,))


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("dynamodb:GetItem", TABLE, True),
        ("DynamoDB:getitem", TABLE, True),
        ("dynamodb:GetItems", TABLE, False),
        ("dynamodb:PutItem", TABLE, False),
        ("dynamodb:GetItem", TABLE + "/index/audience", False),
        ("dynamodb:GetItem", TABLE.upper(), False),
        ("dynamodb:GetItem", TABLE.replace("eu-central-1", "us-east-1"), False),
        ("dynamodb:GetItem", "*", False),
    ],
)
def test_an_exact_statement_allows_only_its_action_and_resource(
    action: str, resource: str, allowed: bool
) -> None:
    assert allows([statement("dynamodb:GetItem", TABLE)], action, resource) is allowed


@pytest.mark.parametrize(
    ("pattern", "resource", "allowed"),
    [
        (POST + "*", POST + "a/b=", True),
        (POST + "*", POST, True),
        (POST + "*", POST.replace("POST", "DELETE") + "a", False),
        (TABLE + "?", TABLE + "2", True),
        (TABLE + "?", TABLE, False),
        ("arn:aws:dynamodb:*:*:table/*", TABLE, True),
        # A wildcard matches within its segment; only in the last segment it matches colons.
        ("arn:aws:dynamodb:*:table/sessions", TABLE, False),
        ("arn:aws:*:table/sessions", TABLE, False),
        ("arn:aws:logs:r:a:log-group:*", "arn:aws:logs:r:a:log-group:x:log-stream:y", True),
        ("*", TABLE, True),
        ("*", "*", True),
        ("arn:aws:dynamodb:eu.central-1:000000000000:table/sessions", TABLE, False),
    ],
)
def test_wildcards_in_resources(pattern: str, resource: str, allowed: bool) -> None:
    assert allows([statement("*", pattern)], "any:Action", resource) is allowed


@given(letters, letters, letters)
def test_a_star_matches_any_characters(before: str, between: str, after: str) -> None:
    pattern = f"arn:aws:s:r:a:{before}*{after}"
    assert allows([statement("x:Y", pattern)], "x:Y", f"arn:aws:s:r:a:{before}{between}{after}")


@given(letters, letters, letters)
def test_a_question_mark_matches_one_character(before: str, between: str, after: str) -> None:
    pattern = f"arn:aws:s:r:a:{before}?{after}"
    resource = f"arn:aws:s:r:a:{before}{between}{after}"
    longer = len(resource) != len(pattern)
    assert allows([statement("x:Y", pattern)], "x:Y", resource) is not longer


@given(arns, arns)
def test_a_resource_without_wildcards_matches_only_itself(first: str, second: str) -> None:
    assert allows([statement("x:Y", first)], "x:Y", second) is (first == second)


@given(st.lists(st.tuples(arns, st.booleans()), max_size=5), arns)
def test_one_matching_statement_is_enough(others: list[tuple[str, bool]], wanted: str) -> None:
    statements = [statement("x:Y" if same else "x:Z", arn) for arn, same in others]
    any_allows = any(allows([one], "x:Y", wanted) for one in statements)
    assert allows(statements, "x:Y", wanted) is any_allows
    assert allows([*statements, statement("x:Y", wanted)], "x:Y", wanted)


def test_empty_statements_allow_nothing() -> None:
    assert not allows([], "dynamodb:GetItem", TABLE)
    assert not allows([Statement((), (TABLE,))], "dynamodb:GetItem", TABLE)


@pytest.mark.parametrize(
    ("pattern", "whole"), [("*", True), (TABLE, True), ("table/sessions", False), ("arn:*", False)]
)
def test_a_resource_is_a_complete_arn_or_a_star(pattern: str, whole: bool) -> None:
    assert is_resource(pattern) is whole
