"""What AWS's refusals mean: its error codes become the interpreter's errors.

The messages name the code and the remedy; AWS's own texts are left out, for they may quote what
was said.
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

HEAR = "transcribe:StartStreamTranscriptionWebSocket"
TRANSLATE = "translate:TranslateText"
SPEAK = "polly:SynthesizeSpeech"

_THROTTLED = {"ThrottlingException", "TooManyRequestsException", "Throttling"}
_DENIED = {"AccessDeniedException", "AccessDenied"}
# https://docs.aws.amazon.com/transcribe/latest/APIReference/CommonErrors.html
_STRANGER = {
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_NO_SUCH_PAIR = {"UnsupportedLanguagePairException", "LanguageNotSupportedException"}
# The only BadRequestException that says nothing against the request. Its text is undocumented.
_NO_AUDIO = "no new audio was received"


class RequestRefusedError(EngineError):
    """AWS finds the request itself wrong; to repeat it is of no use."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class LimitExceededError(EngineError):
    """The account's limit of streams or requests is reached; wait, or have it raised."""


class ConnectionLostError(EngineError):
    """A connection broke, or the service had a fault; another attempt may succeed."""


def of_client_error(error: ClientError, action: str) -> EngineError:
    """The meaning of a service's answer to `action`, as IAM calls it."""
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return of_code(code, status, action)


def of_code(code: str, status: int, action: str) -> EngineError:
    """The meaning of an error code and an HTTP status (0: unknown)."""
    if code in _DENIED:
        fault: EngineError = EngineUnavailableError(
            f"AWS denies {action} ({code}); give that right to the role"
        )
    elif code in _STRANGER:
        fault = EngineUnavailableError(f"AWS does not accept the credentials of {action} ({code})")
    elif code in _NO_SUCH_PAIR:
        fault = UnsupportedLanguageError(f"AWS does not know that language in {action} ({code})")
    elif code in _THROTTLED or status == HTTPStatus.TOO_MANY_REQUESTS:
        fault = LimitExceededError(
            f"AWS throttles {action} ({code or status}); ask for a higher quota if it stays so"
        )
    elif status == HTTPStatus.FORBIDDEN:
        fault = EngineUnavailableError(
            f"AWS refuses {action} (403 {code or 'without a code'}); has the role that right?"
        )
    elif HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        fault = RequestRefusedError(f"AWS finds {action} wrong ({code or status})")
    else:
        fault = ConnectionLostError(f"{action} failed at AWS ({code or status or 'no code'})")
    return fault


def of_botocore_error(error: BotoCoreError, action: str) -> EngineError:
    """The meaning of a request that got no answer, or could not be made."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return no_credentials(action)
    if isinstance(error, NoRegionError):
        return EngineUnavailableError("no AWS Region is configured; set AWS_DEFAULT_REGION")
    return ConnectionLostError(f"{action} got no answer ({type(error).__name__})")


def no_credentials(action: str) -> EngineUnavailableError:
    """There is nothing to sign requests with."""
    return EngineUnavailableError(f"no AWS credentials were found for {action}")


def of_stream_exception(kind: str, text: str) -> EngineError:
    """The meaning of an exception frame: its type, and the text that came with it.

    https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_TranscriptResultStream.html
    """
    if kind == "LimitExceededException":
        return LimitExceededError(
            f"Transcribe has no more streams for this account ({kind}); "
            "ask for a higher quota if it stays so"
        )
    if kind == "BadRequestException":
        if _NO_AUDIO in text:
            return ConnectionLostError("Transcribe had no sound for too long, and ended the stream")
        return of_code(kind, HTTPStatus.BAD_REQUEST, HEAR)
    return of_code(kind, 0, HEAR)
