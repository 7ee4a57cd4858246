"""AWS settings of whoever runs the stack, which nothing here may read.

A profile, a Region, an endpoint or a file of theirs would change what runs on this machine, or
break it. See https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_PREFIXES = ("AWS_", "BOTO_", "CDK_DEFAULT_")
#: In their place: no files, and no instance to ask.
NO_AWS_SETTINGS = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def without_aws_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without any setting of AWS's SDKs, and with none to be found elsewhere."""
    kept = {name: value for name, value in environment.items() if not name.startswith(_PREFIXES)}
    return kept | NO_AWS_SETTINGS


def clear_aws_settings() -> None:
    """Let this process have none, for programs that call the local stack by an SDK."""
    kept = without_aws_settings(os.environ)
    os.environ.clear()
    os.environ.update(kept)
