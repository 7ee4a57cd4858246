"""Mapping of AWS errors to engine errors.

Messages name the error code and the remedy. They leave out AWS's own texts, which may quote spoken
text.
"""

from __future__ import annotations

from http import HTTPStatus

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from interpreter.engine import EngineError, EngineUnavailableError, UnsupportedLanguageError

TRANSCRIBE = "transcribe:StartStreamTranscriptionWebSocket"
TRANSLATE = "translate:TranslateText"
SPEAK = "polly:SynthesizeSpeech"

_THROTTLED = {"ThrottlingException", "TooManyRequestsException", "Throttling"}
_DENIED = {"AccessDeniedException", "AccessDenied"}
# https://docs.aws.amazon.com/transcribe/latest/APIReference/CommonErrors.html
_BAD_CREDENTIALS = {
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_UNSUPPORTED_LANGUAGE = {"UnsupportedLanguagePairException", "LanguageNotSupportedException"}
# Text of the only BadRequestException that does not blame the request. It is undocumented.
_NO_AUDIO = "no new audio was received"


class RequestRefusedError(EngineError):
    """AWS rejects the request as invalid; repeating it is useless."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class LimitExceededError(EngineError):
    """The account's quota is reached; wait, or request a higher quota."""


class ConnectionLostError(EngineError):
    """A connection broke or the service failed; another attempt may succeed."""


def from_client_error(error: ClientError, action: str) -> EngineError:
    """Map an error response. `action` is the name of the call in IAM."""
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return from_error_code(code, status, action)


def from_error_code(code: str, status: int, action: str) -> EngineError:
    """Map an error code and an HTTP status (0 if unknown)."""
    if code in _DENIED:
        fault: EngineError = EngineUnavailableError(
            f"AWS denies {action} ({code}); grant the role that permission"
        )
    elif code in _BAD_CREDENTIALS:
        fault = EngineUnavailableError(f"AWS does not accept the credentials for {action} ({code})")
    elif code in _UNSUPPORTED_LANGUAGE:
        fault = UnsupportedLanguageError(f"AWS does not support the language in {action} ({code})")
    elif code in _THROTTLED or status == HTTPStatus.TOO_MANY_REQUESTS:
        fault = LimitExceededError(
            f"AWS throttles {action} ({code or status}); request a higher quota if this persists"
        )
    elif status == HTTPStatus.FORBIDDEN:
        fault = EngineUnavailableError(
            f"AWS refuses {action} (403 {code or 'without a code'}); check the role's permissions"
        )
    elif HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        fault = RequestRefusedError(f"AWS rejects {action} as invalid ({code or status})")
    else:
        fault = ConnectionLostError(f"{action} failed at AWS ({code or status or 'no code'})")
    return fault


def from_botocore_error(error: BotoCoreError, action: str) -> EngineError:
    """Map a request that got no answer or could not be sent."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return no_credentials(action)
    if isinstance(error, NoRegionError):
        return EngineUnavailableError("no AWS Region is configured; set AWS_DEFAULT_REGION")
    return ConnectionLostError(f"{action} got no answer ({type(error).__name__})")


def no_credentials(action: str) -> EngineUnavailableError:
    """Create the error for missing credentials."""
    return EngineUnavailableError(f"no AWS credentials were found for {action}")


def from_stream_exception(kind: str, text: str) -> EngineError:
    """Map an exception frame of a Transcribe stream, by its type and text.

    https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_TranscriptResultStream.html
    """
    if kind == "LimitExceededException":
        return LimitExceededError(
            f"Transcribe has no more streams for this account ({kind}); "
            "request a higher quota if this persists"
        )
    if kind == "BadRequestException":
        if _NO_AUDIO in text:
            return ConnectionLostError("Transcribe ended the stream after too long without audio")
        return from_error_code(kind, HTTPStatus.BAD_REQUEST, TRANSCRIBE)
    return from_error_code(kind, 0, TRANSCRIBE)
