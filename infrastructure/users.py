"""Users of a deployed stage: make one, and sign one in for a token.

python -m infrastructure.users create --stage dev --email ada@example.org --group speakers
python -m infrastructure.users token --stage dev --email ada@example.org

The password is asked for, so that it is in no shell's history.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import sys
from collections.abc import Callable, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infrastructure.config import STAGES, ConfigError
from infrastructure.outputs import CALLS, deployed
from shared.utils.identity import ROLE_GROUPS

_MFA = "SOFTWARE_TOKEN_MFA"


class Users:
    """The users of one pool, through Cognito's client; `ask` gets a secret from whoever is there.

    Methods raise botocore's ClientError as Cognito puts it, which names what is wrong.
    """

    def __init__(self, client: Any, outputs: dict[str, str], ask: Callable[[str], str]) -> None:
        self._client = client
        self._pool = outputs["UserPoolId"]
        self._app = outputs["UserPoolClientId"]
        self._ask = ask

    def create(self, email: str, group: str) -> None:
        """Make a user with a password that need not be changed, and put it into a group.

        A user that exists already gets the password and the group.
        """
        password = self._ask(f"password for {email}, at least 12 of a, A, 1 and !: ")
        with contextlib.suppress(self._client.exceptions.UsernameExistsException):
            self._client.admin_create_user(
                UserPoolId=self._pool,
                Username=email,
                UserAttributes=[
                    {"Name": "email", "Value": email},
                    {"Name": "email_verified", "Value": "true"},
                ],
                # No mail with a password: it is set below.
                MessageAction="SUPPRESS",
            )
        self._client.admin_set_user_password(
            UserPoolId=self._pool, Username=email, Password=password, Permanent=True
        )
        self._client.admin_add_user_to_group(UserPoolId=self._pool, Username=email, GroupName=group)

    def token(self, email: str) -> str:
        """The access token of a user who signs in, with a code if that is asked for."""
        answer = self._client.initiate_auth(
            ClientId=self._app,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": self._ask(f"password of {email}: ")},
        )
        if answer.get("ChallengeName") == _MFA:
            code = self._ask("code of the authenticator app: ")
            answer = self._client.respond_to_auth_challenge(
                ClientId=self._app,
                ChallengeName=_MFA,
                Session=answer["Session"],
                ChallengeResponses={"USERNAME": email, "SOFTWARE_TOKEN_MFA_CODE": code},
            )
        if "AuthenticationResult" not in answer:
            raise ConfigError(f"Cognito asks for {answer.get('ChallengeName')}; set a password")
        return str(answer["AuthenticationResult"]["AccessToken"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    given = _parse(arguments)
    try:
        outputs = deployed(given.stage)
        client = boto3.client("cognito-idp", region_name=outputs["Region"], config=CALLS)
        users = Users(client, outputs, getpass.getpass)
        if given.command == "create":
            users.create(given.email, given.group)
            print(f"{given.email} may sign in and is one of the {given.group}")
        else:
            print(users.token(given.email))
    except (ConfigError, ClientError, BotoCoreError) as error:
        print(f"users: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infrastructure.users", description="Users of a deployed stage."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a user; the password is asked for")
    create.add_argument("--group", choices=sorted(ROLE_GROUPS), required=True)
    token = commands.add_parser("token", help="print an access token; the password is asked for")
    for command in (create, token):
        command.add_argument("--stage", choices=STAGES, default="dev")
        command.add_argument("--email", required=True)
    given = parser.parse_args(arguments)
    if "@" not in given.email:
        parser.error("--email: expected an e-mail address (make: EMAIL=…)")
    return given


if __name__ == "__main__":
    sys.exit(main())
