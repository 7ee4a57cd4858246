"""Requester the service something: what every group of requests is built on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from shared.protocol.message_base import Reply, Request

ReplyType = TypeVar("ReplyType", bound=Reply)


class Requester(ABC):
    """Whatever sends a request and waits for its reply: a Connection, or one that lasts."""

    @abstractmethod
    async def ask(self, request: Request, expected: type[ReplyType]) -> ReplyType:
        """The reply to a request.

        Raises RequestRefusedError, RequestTimeoutError or ConnectionLostError.
        """
