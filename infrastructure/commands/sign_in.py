"""Signing a user in to Cognito from a terminal, with a second factor, and giving them one.

A user signs in by e-mail address, which Cognito takes for an alias. Challenges are answered under
the user's own name, which the challenge tells as USER_ID_FOR_SRP, whatever the flow:
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminInitiateAuth.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from infrastructure.stage.config import ConfigError

_CODE = "SOFTWARE_TOKEN_MFA"
_SET_UP = "MFA_SETUP"
# Cognito lets nobody try for long; after a password there are at most two challenges.
_CHALLENGES = 3
_TRIES = 3
_ISSUER = "Lingocast"

_T = TypeVar("_T")


class SignIn:
    """Signs users in to one app client; `ask` gets a secret of the user, `tell` shows a text.

    Methods raise botocore's ClientError as Cognito puts it, which names what is wrong, and
    ConfigError for a challenge that cannot be answered here.
    """

    def __init__(
        self, client: Any, app_id: str, ask: Callable[[str], str], tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._app = app_id
        self._ask = ask
        self._tell = tell

    def tokens(self, email: str, password: str) -> Mapping[str, Any]:
        """Cognito's AuthenticationResult: AccessToken, RefreshToken, ExpiresIn and so on."""
        answer = self._client.initiate_auth(
            ClientId=self._app,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
        for _ in range(_CHALLENGES):
            if "AuthenticationResult" in answer:
                break
            answer = self._answered(answer, email)
        if "AuthenticationResult" not in answer:
            raise ConfigError(f"Cognito goes on asking for {answer.get('ChallengeName')}")
        result: Mapping[str, Any] = answer["AuthenticationResult"]
        return result

    def enrol(self, email: str, access_token: str) -> None:
        """Give the user an authenticator app as second factor, asked for from then on."""
        secret = self._client.associate_software_token(AccessToken=access_token)["SecretCode"]
        self._show(email, secret)
        self._with_code(
            lambda code: self._client.verify_software_token(AccessToken=access_token, UserCode=code)
        )
        self._client.set_user_mfa_preference(
            AccessToken=access_token,
            SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
        )

    def _answered(self, asked: Mapping[str, Any], email: str) -> Mapping[str, Any]:
        """Cognito's answer to ours."""
        challenge = asked.get("ChallengeName")
        username = asked.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP", email)
        if challenge == _CODE:
            return self._with_code(
                lambda code: self._respond(
                    _CODE, asked["Session"], USERNAME=username, SOFTWARE_TOKEN_MFA_CODE=code
                )
            )
        if challenge == _SET_UP:
            return self._respond(_SET_UP, self._set_up(email, asked["Session"]), USERNAME=username)
        raise ConfigError(f"Cognito asks for {challenge}; set a password: make user EMAIL={email}")

    def _set_up(self, email: str, session: str) -> str:
        """Enrol before the first sign-in, where the pool demands it; returns the next session."""
        begun = self._client.associate_software_token(Session=session)
        self._show(email, begun["SecretCode"])
        verified = self._with_code(
            lambda code: self._client.verify_software_token(Session=begun["Session"], UserCode=code)
        )
        return str(verified["Session"])

    def _respond(self, challenge: str, session: str, **responses: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.respond_to_auth_challenge(
            ClientId=self._app,
            ChallengeName=challenge,
            Session=session,
            ChallengeResponses=responses,
        )
        return answer

    def _with_code(self, use: Callable[[str], _T]) -> _T:
        """What `use` makes of a code of the app; a wrong one may be given again, not for ever."""
        wrong = self._client.exceptions
        for _ in range(_TRIES - 1):
            try:
                return use(self._ask("code of the authenticator app: "))
            except (wrong.CodeMismatchException, wrong.EnableSoftwareTokenMFAException):
                self._tell("that was not the code; take the next one that the app shows")
        return use(self._ask("code of the authenticator app: "))

    def _show(self, email: str, secret: str) -> None:
        label = quote(f"{_ISSUER}:{email}")
        self._tell(
            "enter this key in an authenticator app, or make a QR code of the address:\n"
            f"  {secret}\n  otpauth://totp/{label}?secret={secret}&issuer={_ISSUER}"
        )
