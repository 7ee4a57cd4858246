"""List prices of us-east-1 (dollars), and the cost of a listener-hour.

https://aws.amazon.com/api-gateway/pricing/ https://aws.amazon.com/lambda/pricing/
https://aws.amazon.com/dynamodb/pricing/on-demand/ https://aws.amazon.com/ec2/pricing/on-demand/
"""

from __future__ import annotations

from dataclasses import dataclass

from infrastructure.catalogue.function_table import FULL_CORE_MB

_MILLION = 1_000_000
API_MESSAGE = 1.00 / _MILLION
#: A message is billed as one for each 32 KB or part of it.
MESSAGE_BYTES = 32_768
CONNECTION_MINUTE = 0.25 / _MILLION
DATA_OUT_GB = 0.09
#: Arm.
LAMBDA_GB_SECOND = 0.0000133334
LAMBDA_REQUEST = 0.20 / _MILLION
DYNAMODB_READ_UNIT = 0.125 / _MILLION
DYNAMODB_WRITE_UNIT = 0.625 / _MILLION

#: Rows of a roster that fit in a read unit of an eventually consistent query.
_ROWS_A_READ_UNIT = 120
_FUNCTION_GB = FULL_CORE_MB / 1_024


@dataclass(frozen=True)
class Usage:
    """One session's use of services. `function_seconds` and `invocations` are per chunk."""

    listeners: int
    chunk_ms: int
    body_bytes: int
    function_seconds: float
    invocations: float


def dollars_per_listener_hour(usage: Usage) -> float:
    """All costs of a session for an hour, divided by its listeners."""
    chunks = 3_600_000 / usage.chunk_ms
    messages = -(-usage.body_bytes // MESSAGE_BYTES)
    listener = (
        chunks * messages * API_MESSAGE
        + 60 * CONNECTION_MINUTE
        + chunks * usage.body_bytes / 1e9 * DATA_OUT_GB
    )
    # The session is read for each chunk; roster and audio account are read and written each second.
    reads = chunks + 3_600 * usage.listeners / _ROWS_A_READ_UNIT
    source = (
        chunks * messages * API_MESSAGE
        + chunks * usage.function_seconds * _FUNCTION_GB * LAMBDA_GB_SECOND
        + chunks * usage.invocations * LAMBDA_REQUEST
        + reads * DYNAMODB_READ_UNIT
        + 3_600 * DYNAMODB_WRITE_UNIT
    )
    return listener + source / usage.listeners
