"""What the CDK's context says about a deployment, from its command line or from a file."""

from __future__ import annotations

import json

from infrastructure.config import ConfigError

_EXAMPLE = '{"SHARD_SIZE": "10"}'


def settings_from(context: object) -> dict[str, str]:
    """The settings of functions in the context `settings`: an object, or its JSON as text.

    The command line passes everything as text. Raises ConfigError.
    """
    if context is None:
        return {}
    if isinstance(context, str):
        try:
            context = json.loads(context)
        except ValueError as error:
            raise ConfigError(f"settings: no JSON ({error}); expected {_EXAMPLE}") from None
    if not isinstance(context, dict):
        raise ConfigError(f"settings: expected an object like {_EXAMPLE}")
    return {name: _text(name, value) for name, value in context.items()}


def _text(name: str, value: object) -> str:
    """A number may stand for its text; environments hold nothing else."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ConfigError(f"settings: {name}: expected text or a whole number")
    return str(value)
