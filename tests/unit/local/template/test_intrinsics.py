"""CloudFormation's intrinsic functions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.base.errors import TemplateError
from local.template.intrinsics import NO_VALUE, Resolver

REFS = {"Name": "value", "Port": 8080, "Flag": True}

texts = st.text(max_size=12)
# Text without placeholders of Fn::Sub.
plain = texts.filter(lambda text: "${" not in text)
delimiters = st.text(min_size=1, max_size=3)


def lookup(name: str) -> object:
    if name not in REFS:
        raise TemplateError(f"{name} is unknown")
    return REFS[name]


def make() -> Resolver:
    return Resolver(lookup, lambda name, attribute: f"{name}/{attribute}")


def resolve(value: object) -> object:
    return make().resolve(value)


@given(st.lists(texts), texts)
def test_join_is_pythons_join(parts: list[str], delimiter: str) -> None:
    assert resolve({"Fn::Join": [delimiter, parts]}) == delimiter.join(parts)


@given(st.lists(texts, min_size=1), delimiters)
def test_split_undoes_join(parts: list[str], delimiter: str) -> None:
    parts = [part.replace(delimiter, "") for part in parts]
    joined = delimiter.join(parts)
    if joined.split(delimiter) == parts:
        assert resolve({"Fn::Split": [delimiter, {"Fn::Join": [delimiter, parts]}]}) == parts


@given(st.lists(texts, min_size=1), st.data(), st.booleans())
def test_select_takes_the_item_at_the_index(
    items: list[str], data: st.DataObject, as_text: bool
) -> None:
    index = data.draw(st.integers(0, len(items) - 1))
    argument: object = str(index) if as_text else index
    assert resolve({"Fn::Select": [argument, items]}) == items[index]


@given(st.lists(texts), st.integers())
def test_select_outside_the_list_fails(items: list[str], index: int) -> None:
    if not 0 <= index < len(items):
        with pytest.raises(TemplateError, match="Select"):
            resolve({"Fn::Select": [index, items]})


@given(plain, plain, texts)
def test_sub_replaces_only_variables(before: str, after: str, value: str) -> None:
    pattern = before + "${x}" + after
    assert resolve({"Fn::Sub": [pattern, {"x": value}]}) == before + value + after


@given(plain)
def test_sub_does_not_change_plain_text(text: str) -> None:
    assert resolve({"Fn::Sub": text}) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Name"}, "value"),
        ({"Ref": "Port"}, 8080),
        ({"Fn::GetAtt": ["Table", "Arn"]}, "Table/Arn"),
        ({"Fn::GetAtt": "Table.Stream.Arn"}, "Table/Stream.Arn"),
        ({"Fn::Sub": "${Name}:${Port}:${Flag}"}, "value:8080:true"),
        ({"Fn::Sub": "${Table.Arn}/${!Name}"}, "Table/Arn/${Name}"),
        ({"Fn::Sub": ["${a}${Name}", {"a": {"Ref": "Port"}}]}, "8080value"),
        ({"Fn::Join": ["-", [{"Ref": "Name"}, {"Fn::Sub": "${Port}"}]]}, "value-8080"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b,c"]}]}, "b"),
        ({"a": [{"Ref": "Name"}, {"b": {"Ref": "Port"}}]}, {"a": ["value", {"b": 8080}]}),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"b": 1}),
        ([1, {"Ref": "AWS::NoValue"}], [1]),
        # A policy statement's Condition is not an intrinsic function.
        ({"Condition": {"StringEquals": {}}}, {"Condition": {"StringEquals": {}}}),
    ],
)
def test_nested_values_are_resolved(value: object, expected: object) -> None:
    assert resolve(value) == expected


def test_no_value_at_the_top_differs_from_null() -> None:
    assert resolve({"Ref": "AWS::NoValue"}) is NO_VALUE


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"Fn::If": ["c", 1, 2]}, "Fn::If"),
        ({"Fn::ImportValue": "x"}, "Fn::ImportValue"),
        ({"Fn::FindInMap": ["a", "b", "c"]}, "Fn::FindInMap"),
        ({"Fn::Base64": "x"}, "Fn::Base64"),
        ({"Fn::Transform": {}}, "Fn::Transform"),
        ({"Condition": "IsProd"}, "Condition"),
        ({"a": {"b": [{"Fn::GetAZs": ""}]}}, "Fn::GetAZs"),
        ({"Ref": "Name", "other": 1}, "Ref"),
        ({"Ref": "Missing"}, "Missing"),
        ({"Fn::Sub": "${Missing}"}, "Missing"),
        ({"Ref": ["Name"]}, "Ref"),
        ({"Fn::GetAtt": ["only-one"]}, "Fn::GetAtt"),
        ({"Fn::Join": ["-", "no list"]}, "Fn::Join"),
        ({"Fn::Join": ["-", [["nested"]]]}, "Fn::Join"),
        ({"Fn::Join": "-"}, "Fn::Join"),
        ({"Fn::Split": ["", "abc"]}, "Fn::Split"),
        ({"Fn::Select": ["x", ["a"]]}, "Fn::Select"),
        ({"Fn::Select": [0]}, "Fn::Select"),
        ({"Fn::Sub": ["only pattern"]}, "Fn::Sub"),
        ({"Fn::Sub": ["${x}", {"x": ["list"]}]}, "Fn::Sub"),
    ],
)
def test_an_unsupported_value_is_named_in_the_error(value: Any, named: str) -> None:
    with pytest.raises(TemplateError, match=named):
        resolve(value)


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (3, "3"), ("x", "x")]
)
def test_text_formats_scalars_as_aws_does(value: object, text: str) -> None:
    assert make().text(value, "here") == text


def test_text_rejects_other_types() -> None:
    with pytest.raises(TemplateError, match=r"here: expected text"):
        make().text({"a": 1}, "here")
