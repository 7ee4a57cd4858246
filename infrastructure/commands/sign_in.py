"""Signs users in to Cognito from a terminal, and registers a second factor.

Users sign in with their e-mail address, an alias. Challenges are answered with the user name,
which the challenge contains as USER_ID_FOR_SRP in every flow:
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminInitiateAuth.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from infrastructure.stage.config import ConfigError

_CODE = "SOFTWARE_TOKEN_MFA"
_SET_UP = "MFA_SETUP"
# Cognito limits attempts; at most two challenges follow a password.
_CHALLENGES = 3
_TRIES = 3
_ISSUER = "Lingocast"

_T = TypeVar("_T")


class SignIn:
    """Signs users in to one app client; `ask` prompts for a secret, `tell` shows a text.

    Methods raise botocore's ClientError, whose message comes from Cognito, and ConfigError for an
    unsupported challenge.
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
            raise ConfigError(f"Cognito keeps sending the challenge {answer.get('ChallengeName')}")
        result: Mapping[str, Any] = answer["AuthenticationResult"]
        return result

    def enrol(self, email: str, access_token: str) -> None:
        """Register an authenticator app as second factor, required from then on."""
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
        """Answer a challenge and return Cognito's response."""
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
                self._tell("wrong code; enter the next one that the app shows")
        return use(self._ask("code of the authenticator app: "))

    def _show(self, email: str, secret: str) -> None:
        label = quote(f"{_ISSUER}:{email}")
        self._tell(
            "enter this key in an authenticator app, or scan its URL as a QR code:\n"
            f"  {secret}\n  otpauth://totp/{label}?secret={secret}&issuer={_ISSUER}"
        )
