"""A function is invoked by its own name, or by that of an alias that the template gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from local.base.errors import TemplateError, UnknownFunctionError
from local.runtime.functions import Functions
from local.runtime.pool import FunctionPool
from local.template.model import AwsEnvironment
from local.template.references import References

AWS = AwsEnvironment()
ARN = AWS.arn("lambda", "function:talk")
RESOURCES: Mapping[str, Mapping[str, Any]] = {
    "Talk": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "talk"}},
    "First": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": "talk"}},
    "Live": {
        "Type": "AWS::Lambda::Alias",
        "Properties": {"FunctionName": "talk", "Name": "live", "FunctionVersion": "1"},
    },
}


class Pool:
    """A pool without workers."""

    aliases = ("live",)

    async def start(self) -> None:
        """Nothing to start."""


async def test_a_function_can_be_named_by_its_alias() -> None:
    functions = Functions()
    await functions.start({"talk": cast("FunctionPool", Pool())})

    functions.require("talk")
    functions.require("talk:live")
    with pytest.raises(UnknownFunctionError, match="the function talk has no alias old"):
        functions.require("talk:old")
    with pytest.raises(UnknownFunctionError, match="no function is called listen"):
        functions.require("listen:live")


def joined(value: Any) -> str:
    """Resolve Fn::Join of texts."""
    return str(value) if isinstance(value, str) else "".join(map(joined, value["Fn::Join"][1]))


@pytest.mark.parametrize(
    ("logical_id", "attribute", "text"),
    [
        ("First", "Version", "1"),
        ("First", "FunctionArn", f"{ARN}:1"),
        ("Live", "AliasArn", f"{ARN}:live"),
    ],
)
def test_versions_and_aliases_have_their_own_arns(
    logical_id: str, attribute: str, text: str
) -> None:
    references = References("fixture", AWS, RESOURCES, {})

    assert joined(references.attribute(logical_id, attribute)) == text


def test_an_unknown_attribute_is_an_error() -> None:
    with pytest.raises(TemplateError, match=r"Fn::GetAtt of Live\.Version .* is not supported"):
        References("fixture", AWS, RESOURCES, {}).attribute("Live", "Version")
