"""Endpoints of the three services, and signed URLs of Transcribe streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

# botocore itself reads AWS_ENDPOINT_URL_TRANSLATE and AWS_ENDPOINT_URL_POLLY:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
TRANSCRIBE_SETTING = "AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING"
_SERVICE = "transcribe"
_PATH = "/stream-transcription-websocket"
# The maximum that AWS allows.
_EXPIRES_SECONDS = 300
_SCHEMES = {"wss": "https", "ws": "http"}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Custom endpoints: `transcribe` ws(s)://host:port, others http(s)://host:port."""

    transcribe: str | None = None
    translate: str | None = None
    polly: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Endpoints:
        """Read the Transcribe endpoint; botocore reads the others."""
        return cls(transcribe=environ.get(TRANSCRIBE_SETTING) or None)


def transcribe_endpoint(region: str) -> str:
    """Endpoint of Transcribe's streams in a Region.

    https://docs.aws.amazon.com/transcribe/latest/dg/streaming-websocket.html
    """
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"wss://transcribestreaming.{region}.{suffix}:8443"


def stream_url(
    endpoint: str, region: str, credentials: ReadOnlyCredentials, language: str, sample_rate: int
) -> str:
    """Create the signed URL of a new stream. It is valid for five minutes, and secret.

    `language` is Transcribe's code; `sample_rate` is 8 000 to 48 000 Hz.
    """
    parameters = {
        "language-code": language,
        "media-encoding": "pcm",
        "sample-rate": sample_rate,
        # Words become stable sooner, so that sentences are final before a pause.
        # https://docs.aws.amazon.com/transcribe/latest/dg/streaming-partial-results.html
        "enable-partial-results-stabilization": "true",
        "partial-results-stability": "high",
    }
    scheme, _, host = endpoint.rstrip("/").partition("://")
    url = f"{_SCHEMES.get(scheme, scheme)}://{host}{_PATH}?{urlencode(parameters)}"
    request = AWSRequest("GET", url)
    SigV4QueryAuth(credentials, _SERVICE, region, _EXPIRES_SECONDS).add_auth(request)
    return f"{scheme}://{str(request.url).partition('://')[2]}"
