"""The developer's AWS settings do not reach the local stack's processes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.base.aws_settings import NO_AWS_SETTINGS, without_aws_settings

AWS_SETTINGS = {
    "AWS_PROFILE": "nope",
    "AWS_DEFAULT_PROFILE": "nope",
    "AWS_CONFIG_FILE": "/home/alice/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/home/alice/.aws/credentials",
    "AWS_REGION": "eu-south-1",
    "AWS_DEFAULT_REGION": "eu-south-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
    "AWS_CA_BUNDLE": "/nope.pem",
    "AWS_RETRY_MODE": "nonsense",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "BOTO_CONFIG": "/nope",
    "CDK_DEFAULT_REGION": "eu-south-1",
    "CDK_DEFAULT_ACCOUNT": "123456789012",
}


def test_aws_settings_are_removed_and_shared_files_disabled() -> None:
    environment = without_aws_settings({**AWS_SETTINGS, "PATH": "/bin"})
    assert environment == {"PATH": "/bin", **NO_AWS_SETTINGS}


OTHER_NAMES = st.text(min_size=1, max_size=9).filter(
    lambda name: not name.startswith(("AWS_", "BOTO_", "CDK_DEFAULT_"))
)


@given(st.dictionaries(OTHER_NAMES, st.text(max_size=9)))
def test_other_variables_are_kept(environment: dict[str, str]) -> None:
    assert without_aws_settings(environment) == {**environment, **NO_AWS_SETTINGS}
