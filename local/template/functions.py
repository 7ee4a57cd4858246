"""Reads the Lambda functions of a template and locates their code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from local.template.model import AwsEnvironment, Function
from local.template.resources import Resource, Resources
from local.template.roles import RoleReader

# Lambda's defaults: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
_DEFAULT_TIMEOUT_SECONDS = 3
_DEFAULT_MEMORY_MB = 128


class FunctionReader:
    """Reads the functions of a template; `assets` maps S3 keys to code folders."""

    def __init__(
        self, resources: Resources, aws: AwsEnvironment, assets: Mapping[str, Path]
    ) -> None:
        self._resources = resources
        self._aws = aws
        self._assets = assets
        self._roles = RoleReader(resources)

    def read(self) -> dict[str, Function]:
        """Read the functions, by name. Raises TemplateError for unsupported ones."""
        found = map(self._function, self._resources.all("Lambda::Function"))
        functions = {item.name: item for item in found}
        for version in self._resources.all("Lambda::Version"):
            version.expect("FunctionName", *functions)
        for alias in self._resources.all("Lambda::Alias"):
            # All aliases lead to the only version of the code.
            alias.expect("FunctionName", *functions)
            function = functions[alias.text("FunctionName")]
            aliases = (*function.aliases, alias.text("Name"))
            functions[function.name] = replace(function, aliases=aliases)
        return functions

    def _function(self, resource: Resource) -> Function:
        if not resource.text("Runtime").startswith("python3."):
            raise resource.error("only Python runtimes are supported")
        name = self._resources.ref(resource)
        variables = resource.get("Environment", {}).get("Variables", {})
        logging = resource.get("LoggingConfig", {})
        if unknown := logging.keys() - {"LogGroup", "LogFormat"}:
            raise resource.error(f"LoggingConfig.{min(unknown)} is not supported")
        if logging.get("LogFormat", "Text") != "Text":
            raise resource.error("LoggingConfig.LogFormat: only Text is supported")
        return Function(
            logical_id=resource.id,
            name=name,
            arn=self._aws.arn("lambda", f"function:{name}"),
            handler=resource.text("Handler"),
            code=self._code(resource),
            environment={
                key: self._resources.text(value, f"{resource.id}.Environment.{key}")
                for key, value in variables.items()
            },
            timeout_seconds=int(resource.text("Timeout", str(_DEFAULT_TIMEOUT_SECONDS))),
            memory_mb=int(resource.text("MemorySize", str(_DEFAULT_MEMORY_MB))),
            role=self._roles.role_of(resource),
        )

    def _code(self, resource: Resource) -> Path:
        key = resource.get("Code", {}).get("S3Key")
        if key not in self._assets:
            raise resource.error("Code is not an asset of this cloud assembly")
        folder = self._assets[key]
        if not folder.is_dir():
            raise resource.error(f"the code {folder} is not a folder")
        return folder
