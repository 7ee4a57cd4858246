"""Fault plans: which faults to inject, where, when and how often.

docs/faults.md describes the file format.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Milliseconds = Annotated[float, msgspec.Meta(gt=0, le=60_000)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Name = Annotated[str, msgspec.Meta(min_length=1)]

Operation = Literal[
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
]
ThrottlingError = Literal["ProvisionedThroughputExceededException", "ThrottlingException"]
#: Where an opportunity for a fault arises: a POST to @connections, a client's message (or $connect
#: or $disconnect), a request to DynamoDB.
Place = Literal["post", "message", "database"]


class _Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Fields of every fault. Times are in seconds since the plan was put into effect."""

    #: Fields that an opportunity must equal, where they are set.
    selectors: ClassVar[tuple[str, ...]]
    place: ClassVar[Place]

    probability: Probability = 1.0
    nth: Positive | None = None
    limit: Positive | None = None
    after_s: Seconds = 0.0
    until_s: Seconds | None = None

    def __post_init__(self) -> None:
        if self.until_s is not None and self.until_s <= self.after_s:
            raise ValueError("until_s: expected more than after_s")
        if self.nth is not None and self.probability != 1:
            raise ValueError("nth: remove probability; the nth opportunity is certain")

    @property
    def kind(self) -> str:
        """The name of the fault in files and reports."""
        return str(self.__struct_config__.tag)

    @property
    def at(self) -> Place:
        """Where its opportunities arise."""
        return self.place


class _ConnectionFault(_Fault, frozen=True, kw_only=True):
    connection: Name | None = None
    #: The share of connections that are affected, each for as long as the fault is in effect.
    connections: Probability = 1.0


class _PostFault(_ConnectionFault, frozen=True, kw_only=True):
    place = "post"
    selectors = ("connection",)


class PostDelay(_PostFault, frozen=True, kw_only=True, tag_field="kind", tag="post-delay"):
    """Answers a post late."""

    ms: Milliseconds


class PostThrottle(_PostFault, frozen=True, kw_only=True, tag_field="kind", tag="post-throttle"):
    """Refuses a post with 429, as for a client that reads too slowly."""


class PostError(_PostFault, frozen=True, kw_only=True, tag_field="kind", tag="post-error"):
    """Refuses a post with 500."""


class PostReset(_PostFault, frozen=True, kw_only=True, tag_field="kind", tag="post-reset"):
    """Resets the HTTP connection instead of an answer, before or after the delivery."""

    delivered: bool = False


class FunctionKill(_Fault, frozen=True, kw_only=True, tag_field="kind", tag="function-kill"):
    """Kills a busy worker of a function: at a post, which is in the middle of a fan-out, or once
    a request to DynamoDB has been applied, which may be between two writes.
    """

    place = "post"
    selectors = ()

    function: Name
    on: Literal["post", "database"] = "post"

    @property
    def at(self) -> Place:
        return self.on


class _SocketFault(_ConnectionFault, frozen=True, kw_only=True):
    place = "post"
    selectors = ("connection", "route")

    #: Whether each post to a connection is an opportunity, or each message from it.
    on: Literal["post", "message"] = "post"
    route: Name | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.route is not None and self.on != "message":
            raise ValueError('route: add on = "message"; posts have no route')

    @property
    def at(self) -> Place:
        return self.on


class SocketReset(_SocketFault, frozen=True, kw_only=True, tag_field="kind", tag="socket-reset"):
    """Resets a client's WebSocket."""


class SocketBlackHole(
    _SocketFault, frozen=True, kw_only=True, tag_field="kind", tag="socket-black-hole"
):
    """Lets nothing through a client's WebSocket any more, or for a time; both sides seem open."""

    seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None


class _MessageFault(_ConnectionFault, frozen=True, kw_only=True):
    place = "message"
    selectors = ("connection", "route")

    route: Name | None = None


class MessageDelay(_MessageFault, frozen=True, kw_only=True, tag_field="kind", tag="message-delay"):
    """Invokes a message's function late."""

    ms: Milliseconds


class MessageDuplicate(
    _MessageFault, frozen=True, kw_only=True, tag_field="kind", tag="message-duplicate"
):
    """Invokes a message's function twice at once."""


class MessageReorder(
    _MessageFault, frozen=True, kw_only=True, tag_field="kind", tag="message-reorder"
):
    """Lets the connection's next message overtake this one, which waits for at most `ms`."""

    ms: Milliseconds = 1_000.0


class DisconnectLoss(
    _MessageFault, frozen=True, kw_only=True, tag_field="kind", tag="disconnect-loss"
):
    """Never invokes the function of $disconnect."""

    route: Literal["$disconnect"] = "$disconnect"


class _DatabaseFault(_Fault, frozen=True, kw_only=True):
    place = "database"
    selectors = ("operation", "table")

    operation: Operation | None = None
    table: Name | None = None


class DatabaseDelay(
    _DatabaseFault, frozen=True, kw_only=True, tag_field="kind", tag="database-delay"
):
    """Processes a request to DynamoDB late."""

    ms: Milliseconds


class DatabaseThrottle(
    _DatabaseFault, frozen=True, kw_only=True, tag_field="kind", tag="database-throttle"
):
    """Refuses a request to DynamoDB with a throttling error."""

    error: ThrottlingError = "ProvisionedThroughputExceededException"


class DatabaseError(
    _DatabaseFault, frozen=True, kw_only=True, tag_field="kind", tag="database-error"
):
    """Refuses a request to DynamoDB with 500."""


class DatabaseReset(
    _DatabaseFault, frozen=True, kw_only=True, tag_field="kind", tag="database-reset"
):
    """Resets the connection instead of processing a request to DynamoDB."""


class DatabaseAnswerLoss(
    _DatabaseFault, frozen=True, kw_only=True, tag_field="kind", tag="database-answer-loss"
):
    """Resets the connection once the request has been applied, instead of the answer."""


Fault: TypeAlias = (
    PostDelay
    | PostThrottle
    | PostError
    | PostReset
    | FunctionKill
    | SocketReset
    | SocketBlackHole
    | MessageDelay
    | MessageDuplicate
    | MessageReorder
    | DisconnectLoss
    | DatabaseDelay
    | DatabaseThrottle
    | DatabaseError
    | DatabaseReset
    | DatabaseAnswerLoss
)


class FaultPlan(msgspec.Struct, frozen=True):
    """The faults of a run; `seed` decides which opportunities they take."""

    seed: int = 0
    faults: tuple[Fault, ...] = ()


def is_named(full_name: str, wanted: str) -> bool:
    """Whether a name in a plan means this resource: the name itself, or without the prefix."""
    return full_name == wanted or full_name.endswith(f"-{wanted}")
