from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from interpreter.engines.aws.endpoints import Endpoints, stream_url, transcribe_endpoint
from tests.helpers.aws_speech.signatures import query_error

KEYS = ReadOnlyCredentials("AKID", "secret/+", "token/+==&")
HOST = "transcribestreaming.eu-west-1.amazonaws.com:8443"


def test_stream_url_has_all_parameters() -> None:
    url = urlsplit(stream_url(transcribe_endpoint("eu-west-1"), "eu-west-1", KEYS, "en-US", 16_000))

    assert (url.scheme, url.netloc, url.path) == ("wss", HOST, "/stream-transcription-websocket")
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    signature = {name: query.pop(name) for name in list(query) if name.startswith("X-Amz-")}
    assert query == {
        "language-code": "en-US",
        "media-encoding": "pcm",
        "sample-rate": "16000",
        "enable-partial-results-stabilization": "true",
        "partial-results-stability": "high",
    }
    assert signature["X-Amz-SignedHeaders"] == "host"
    assert signature["X-Amz-Expires"] == "300"
    assert signature["X-Amz-Security-Token"] == "token/+==&"
    date = signature["X-Amz-Date"][:8]
    assert signature["X-Amz-Credential"] == f"AKID/{date}/eu-west-1/transcribe/aws4_request"


keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(keys, keys, st.none() | keys, st.sampled_from([8_000, 44_100]))
def test_stream_url_has_a_valid_signature(
    access: str, secret: str, token: str | None, rate: int
) -> None:
    credentials = ReadOnlyCredentials(access, secret, token)
    url = urlsplit(stream_url(f"wss://{HOST}", "eu-west-1", credentials, "de-DE", rate))
    target = f"{url.path}?{url.query}"

    assert query_error(credentials, "eu-west-1", "transcribe", HOST, target) is None
    changed = target.replace("sample-rate=", "sample-rate=1")
    fault = query_error(credentials, "eu-west-1", "transcribe", HOST, changed)
    assert fault == "InvalidSignatureException"


def test_regions_in_china_have_their_own_domain() -> None:
    endpoint = transcribe_endpoint("cn-north-1")

    assert endpoint == "wss://transcribestreaming.cn-north-1.amazonaws.com.cn:8443"


@pytest.mark.parametrize(("value", "endpoint"), [("ws://[::1]:8", "ws://[::1]:8"), ("", None)])
def test_the_environment_sets_the_transcribe_endpoint(value: str, endpoint: str | None) -> None:
    environ = {"AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING": value, "AWS_ENDPOINT_URL_POLLY": "x"}

    assert Endpoints.from_environment(environ) == Endpoints(transcribe=endpoint)
