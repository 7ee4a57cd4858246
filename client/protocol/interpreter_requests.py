"""Requests of those who interpret: whose turn it is, and who listens."""

from __future__ import annotations

from client.protocol.join_code import JoinCode
from client.protocol.requester import Requester
from shared.protocol.interpretation_messages import HandOver, InterpreterLease, TakeOver
from shared.protocol.messages import GetSessionStatus, SessionStatus


class InterpreterRequests(Requester):
    """Each raises RequestRefusedError, RequestTimeoutError or ConnectionLostError."""

    async def take_over(self) -> InterpreterLease:
        """Be the voice of one's language from now on; whoever was it waits. A machine may not take
        it from a person.
        """
        return await self.ask(TakeOver(), InterpreterLease)

    async def hand_over(self) -> InterpreterLease:
        """Let the next who waits be the voice, and wait oneself; refused with NO_STANDBY if nobody
        does.
        """
        return await self.ask(HandOver(), InterpreterLease)

    async def session_status(
        self, session_id: str | None = None, ticket: str | None = None
    ) -> SessionStatus:
        """Who listens. Who has no seat names the session, if by link by its join code, and may have
        its `ticket` for a right.
        """
        code = JoinCode.parse(session_id) if session_id is not None else None
        request = GetSessionStatus(
            session_id=code.session_id if code else None,
            secret=code.secret if code else None,
            ticket=ticket,
        )
        return await self.ask(request, SessionStatus)
