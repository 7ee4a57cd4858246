"""Where the three services are, and how a stream's address is signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

# Beside AWS_ENDPOINT_URL_TRANSLATE and AWS_ENDPOINT_URL_POLLY, which botocore knows by itself:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
TRANSCRIBE_SETTING = "AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING"
_SERVICE = "transcribe"
_PATH = "/stream-transcription-websocket"
# The most that AWS allows.
_EXPIRES_SECONDS = 300
_SCHEMES = {"wss": "https", "ws": "http"}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """URLs other than AWS's own: `transcribe` ws(s)://host:port, the others http(s)://host:port."""

    transcribe: str | None = None
    translate: str | None = None
    polly: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Endpoints:
        """What the environment says of Transcribe; of the others, botocore asks it."""
        return cls(transcribe=environ.get(TRANSCRIBE_SETTING) or None)


def transcribe_endpoint(region: str) -> str:
    """Where AWS's Transcribe takes streams.

    https://docs.aws.amazon.com/transcribe/latest/dg/streaming-websocket.html
    """
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"wss://transcribestreaming.{region}.{suffix}:8443"


def stream_url(
    endpoint: str, region: str, credentials: ReadOnlyCredentials, language: str, sample_rate: int
) -> str:
    """The signed address of a new stream, good for five minutes; a secret for as long.

    `language` is Transcribe's code; `sample_rate` in Hz, 8 000 to 48 000.
    """
    parameters = {
        "language-code": language,
        "media-encoding": "pcm",
        "sample-rate": sample_rate,
        # Words become stable sooner, so that whole sentences need not wait for a pause.
        # https://docs.aws.amazon.com/transcribe/latest/dg/streaming-partial-results.html
        "enable-partial-results-stabilization": "true",
        "partial-results-stability": "high",
    }
    scheme, _, host = endpoint.rstrip("/").partition("://")
    url = f"{_SCHEMES.get(scheme, scheme)}://{host}{_PATH}?{urlencode(parameters)}"
    request = AWSRequest("GET", url)
    SigV4QueryAuth(credentials, _SERVICE, region, _EXPIRES_SECONDS).add_auth(request)
    return f"{scheme}://{str(request.url).partition('://')[2]}"
