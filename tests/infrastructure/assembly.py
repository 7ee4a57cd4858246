"""Synthesizes the app as a user does, and reads the output."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from local.base.processes import node_binary

ROOT = Path(__file__).parents[2]
# The folder with node, and the folders of a minimal shell.
SEARCH_PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
# Does not build the layer of dependencies, which needs the network and takes seconds.
NO_BUNDLING: Mapping[str, Any] = {"aws:cdk:bundling-stacks": []}

_PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::URLSuffix": "amazonaws.com",
}


def run_app(
    output: Path,
    context: Mapping[str, Any] = NO_BUNDLING,
    options: Sequence[str] = (),
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run app.py without this machine's environment: no AWS variables, no home folder."""
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *options],
        env={
            "PATH": SEARCH_PATH,
            # The `node` of the virtual environment is a wrapper that costs half a second.
            "JSII_NODE": node_binary(),
            "CDK_VALIDATION": "false",
            "CDK_OUTDIR": str(output),
            "CDK_CONTEXT_JSON": json.dumps(context),
            **environment,
        },
        cwd=output.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def synthesize(
    output: Path, stage: str | None = None, context: Mapping[str, Any] = NO_BUNDLING
) -> Assembly:
    """Synthesize a stage, or the default one. Returns its assembly."""
    done = run_app(output, {**context, **({"stage": stage} if stage else {})})
    assert done.returncode == 0, done.stderr
    return Assembly(output, stage or "dev")


@dataclass(frozen=True)
class Assembly:
    """The output folder of the CDK, with one template."""

    directory: Path
    stage: str

    @property
    def template_file(self) -> Path:
        """Path of the template."""
        return self.directory / f"lingocast-{self.stage}.template.json"

    @cached_property
    def template(self) -> dict[str, Any]:
        """The template, with intrinsics unresolved."""
        template: dict[str, Any] = json.loads(self.template_file.read_text())
        return template

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Properties of all resources of a type, with intrinsics resolved, by logical ID."""
        return {
            logical_id: resolve(resource.get("Properties", {}))
            for logical_id, resource in self.template["Resources"].items()
            if resource["Type"] == resource_type
        }

    def only(self, resource_type: str) -> dict[str, Any]:
        """Properties of the only resource of a type."""
        (properties,) = self.of_type(resource_type).values()
        return properties

    def parts(self, kind: str, api: str = "WebSocketApi") -> dict[str, dict[str, Any]]:
        """Resources of a kind (Route, Stage, …) that belong to the API `api`, by logical ID."""
        return {
            logical_id: part
            for logical_id, part in self.of_type(f"AWS::ApiGatewayV2::{kind}").items()
            if part["ApiId"] == f"<{api}>"
        }

    def part(self, kind: str, api: str = "WebSocketApi") -> dict[str, Any]:
        """Properties of the only resource of a kind that belongs to an API."""
        (properties,) = self.parts(kind, api).values()
        return properties

    def function(self, name: str) -> dict[str, Any]:
        """Properties of the function whose handler is in `lambda/<name>`."""
        handler = f"lambda.{name}.handler.lambda_handler"
        (properties,) = (
            function
            for function in self.of_type("AWS::Lambda::Function").values()
            if function["Handler"] == handler
        )
        return properties

    def function_named_by(self, arn: str) -> str:
        """Name of the function whose resolved ARN is part of `arn`."""
        (name,) = (
            function["Handler"].split(".")[1]
            for logical_id, function in self.of_type("AWS::Lambda::Function").items()
            if f"<{logical_id}.Arn>" in arn
        )
        return str(name)

    def table(self, name: str) -> tuple[str, dict[str, Any]]:
        """Logical ID and properties of a table, by its name without stack and stage."""
        (found,) = (
            (logical_id, table)
            for logical_id, table in self.of_type("AWS::DynamoDB::Table").items()
            if table["TableName"] == f"lingocast-{self.stage}-{name}"
        )
        return found

    def queue(self, name: str) -> str:
        """Logical ID of a queue, by its name without stack and stage."""
        (found,) = (
            logical_id
            for logical_id, queue in self.of_type("AWS::SQS::Queue").items()
            if queue["QueueName"] == f"lingocast-{self.stage}-{name}"
        )
        return found

    @property
    def code(self) -> Path:
        """Folder of the staged code, which all functions share."""
        (key,) = {
            function["Code"]["S3Key"] for function in self.of_type("AWS::Lambda::Function").values()
        }
        return self.directory / f"asset.{key.removesuffix('.zip')}"


def resolve(value: Any) -> Any:
    """Replace intrinsics by text: `<Id>` for a reference, `<Id.Attribute>` for an attribute.

    Raises ValueError for an unknown intrinsic.
    """
    if isinstance(value, list):
        return [resolve(item) for item in value]
    if not isinstance(value, dict):
        return value
    name = next(iter(value), "")
    if name == "Ref" or name.startswith("Fn::"):
        return _text_of(name, value[name])
    return {key: resolve(item) for key, item in value.items()}


def _text_of(intrinsic: str, argument: Any) -> str:
    if intrinsic == "Ref":
        return _PSEUDO_PARAMETERS.get(argument, f"<{argument}>")
    if intrinsic == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    if intrinsic == "Fn::Join":
        separator, parts = argument
        return str(separator).join(resolve(parts))
    if intrinsic == "Fn::Sub":
        text = str(argument)
        for pseudo, replacement in _PSEUDO_PARAMETERS.items():
            text = text.replace(f"${{{pseudo}}}", replacement)
        return text
    raise ValueError(f"unknown intrinsic {intrinsic}")
