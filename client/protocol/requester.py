"""Base of all groups of requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from shared.protocol.message_base import Reply, Request

ReplyType = TypeVar("ReplyType", bound=Reply)


class Requester(ABC):
    """Sends a request and waits for its reply: a Connection or a ReconnectingConnection."""

    @abstractmethod
    async def ask(self, request: Request, expected: type[ReplyType]) -> ReplyType:
        """Send a request and return its reply.

        Raises RequestRefusedError, RequestTimeoutError or ConnectionLostError.
        """
