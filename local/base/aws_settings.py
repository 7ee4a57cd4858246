"""Keeps the developer's own AWS settings out of the local stack.

A profile, Region, endpoint or shared file of the developer would change the stack's behaviour or
break it. See https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_PREFIXES = ("AWS_", "BOTO_", "CDK_DEFAULT_")
#: Settings that disable the shared files and the instance metadata service.
NO_AWS_SETTINGS = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def without_aws_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Copy the environment without AWS SDK settings; disable the shared settings files."""
    kept = {name: value for name, value in environment.items() if not name.startswith(_PREFIXES)}
    return kept | NO_AWS_SETTINGS


def clear_aws_settings() -> None:
    """Clear this process's AWS settings, for programs that call the local stack by an SDK."""
    kept = without_aws_settings(os.environ)
    os.environ.clear()
    os.environ.update(kept)
