"""Requests of interpreters: channel handover and session status."""

from __future__ import annotations

from client.protocol.join_code import JoinCode
from client.protocol.requester import Requester
from shared.protocol.interpretation_messages import HandOver, InterpreterLease, TakeOver
from shared.protocol.messages import GetSessionStatus, SessionStatus


class InterpreterRequests(Requester):
    """Take over, hand over and read the status.

    Each request raises RequestRefusedError, RequestTimeoutError or ConnectionLostError.
    """

    async def take_over(self) -> InterpreterLease:
        """Take over the language's channel; its former interpreter becomes a stand-by.

        A machine cannot take over from a human.
        """
        return await self.ask(TakeOver(), InterpreterLease)

    async def hand_over(self) -> InterpreterLease:
        """Hand the channel over to the next stand-by and become a stand-by.

        Refused with NO_STANDBY if there is none.
        """
        return await self.ask(HandOver(), InterpreterLease)

    async def session_status(
        self, session_id: str | None = None, ticket: str | None = None
    ) -> SessionStatus:
        """Return the session's audience.

        A caller without a seat passes `session_id` (for a session by link, the join code), and may
        pass the session's `ticket` as authorization.
        """
        code = JoinCode.parse(session_id) if session_id is not None else None
        request = GetSessionStatus(
            session_id=code.session_id if code else None,
            secret=code.secret if code else None,
            ticket=ticket,
        )
        return await self.ask(request, SessionStatus)
