"""DynamoDB client over libcurl with botocore's interface, as far as the tables need it.

botocore takes 1.2 ms of CPU time for a request of DynamoDB, most of it in hooks, endpoint rules,
serializers driven by the service model, and http.client; this client takes a fifth
(docs/decisions/0041-joins-under-load.md). DynamoDB's JSON already has the structure that botocore
returns, except for binary attributes, which no table here has.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pycurl
from botocore.exceptions import BotoCoreError, ClientError

from shared.data_access.errors import THROTTLING
from shared.utils.ca_bundle import default_ca_bundle
from shared.utils.clock import Clock
from shared.utils.sigv4 import Credentials, SignerSource, host_of

_API = "DynamoDB_20120810."
_CONTENT_TYPE = "application/x-amz-json-1.0"
# Longest pause before a retry (s); the actual one is random.
_PAUSE_SECONDS = 0.05

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class NoAnswerError(BotoCoreError):
    """DynamoDB was unreachable, or its answer was lost or unreadable."""

    fmt = "no answer from DynamoDB: {reason}"


class DynamoDbClient:
    """Sends signed requests over kept connections. Thread-safe.

    All methods take the parameters of DynamoDB's API, return its answer, and raise ClientError with
    its error or NoAnswerError. Transient errors are retried, with `attempts` in total. Timeouts are
    in milliseconds for one attempt.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], Credentials],
        *,
        clock: Clock,
        attempts: int,
        connect_timeout_ms: int,
        timeout_ms: int,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._signers = SignerSource(credentials, region, "dynamodb")
        # Rebuild the URL from the host, so that the Host header is the one that was signed.
        self._host = host_of(endpoint)
        self._url = f"{urlsplit(endpoint).scheme}://{self._host}/"
        self._clock = clock
        self._attempts = attempts
        self._connect_timeout_ms = connect_timeout_ms
        self._timeout_ms = timeout_ms
        self._pause = pause
        # Handles keep their connection. A thread takes one for a request, and puts it back.
        self._idle: list[pycurl.Curl] = []

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        """Call GetItem."""
        return self._call("GetItem", parameters)

    def batch_get_item(self, **parameters: Any) -> dict[str, Any]:
        """Call BatchGetItem."""
        return self._call("BatchGetItem", parameters)

    def query(self, **parameters: Any) -> dict[str, Any]:
        """Call Query."""
        return self._call("Query", parameters)

    def put_item(self, **parameters: Any) -> dict[str, Any]:
        """Call PutItem."""
        return self._call("PutItem", parameters)

    def update_item(self, **parameters: Any) -> dict[str, Any]:
        """Call UpdateItem."""
        return self._call("UpdateItem", parameters)

    def delete_item(self, **parameters: Any) -> dict[str, Any]:
        """Call DeleteItem."""
        return self._call("DeleteItem", parameters)

    def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        body = msgspec.json.encode(parameters)
        for retries in range(self._attempts):
            if retries:
                # Full jitter, so that instances throttled together do not return together.
                self._pause(random.uniform(0, _PAUSE_SECONDS))  # noqa: S311 - no secret
            is_last = retries == self._attempts - 1
            try:
                status, answer = self._send(operation, body)
                if status == 200:
                    return _decode(answer)
            except (pycurl.error, msgspec.DecodeError) as error:
                if is_last:
                    raise NoAnswerError(reason=type(error).__name__) from error
                continue
            refusal = _error_of(operation, status, answer, retries)
            if is_last or not _is_transient(refusal):
                raise refusal
        raise AssertionError("at least one attempt")

    def _send(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """Send one attempt. Returns status and body. Raises pycurl.error."""
        prepared = self._signers.current().prepare(
            "POST",
            self._host,
            body,
            self._clock.now_ms(),
            {"content-type": _CONTENT_TYPE, "x-amz-target": _API + operation},
        )
        curl = self._idle.pop() if self._idle else self._new_handle()
        curl.setopt(pycurl.POSTFIELDS, body)
        curl.setopt(
            pycurl.HTTPHEADER,
            [
                f"Authorization: {prepared.authorization('/')}",
                *prepared.headers,
                # Keep libcurl from waiting for 100 Continue before it sends the body.
                "Expect:",
            ],
        )
        try:
            answer = curl.perform_rb()
            return curl.getinfo(pycurl.RESPONSE_CODE), answer
        finally:
            self._idle.append(curl)

    def _new_handle(self) -> pycurl.Curl:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, self._url)
        curl.setopt(pycurl.CAINFO, default_ca_bundle())
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, self._connect_timeout_ms)
        curl.setopt(pycurl.TIMEOUT_MS, self._timeout_ms)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)
        curl.setopt(pycurl.PROXY, "")  # ignore proxies in the environment
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.USERAGENT, "lingocast")
        return curl


def _is_transient(error: ClientError) -> bool:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or error.response["Error"]["Code"] in THROTTLING


def _error_of(operation: str, status: int, answer: bytes, retries: int) -> ClientError:
    """Convert an error as botocore does."""
    try:
        found = _decode(answer)
    except msgspec.DecodeError:
        found = {}
    code = str(found.pop("__type", status)).rpartition("#")[2]
    message = str(found.pop("message", found.pop("Message", "")))
    response: Any = {
        **found,
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": retries},
    }
    return ClientError(response, operation)
