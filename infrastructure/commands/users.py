"""Users of a deployed stage: create one, or sign one in for a token.

    python -m infrastructure.commands.users create --stage dev --email ada@example.org \\
        --group speakers --mfa
    python -m infrastructure.commands.users token --stage dev --email ada@example.org \\
        --file ada.json

The password is prompted for, so that no shell history holds it. With `--file`, a refresh token
replaces it for 30 days.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from client.errors import TokenError
from client.tokens.file import TokenFile
from infrastructure.commands.outputs import CALLS, deployed
from infrastructure.commands.sign_in import SignIn
from infrastructure.stage.config import STAGES, ConfigError
from shared.utils.identity import ROLE_GROUPS


class Users:
    """The users of one pool; `ask` prompts for a secret, `tell` shows a text.

    Methods raise botocore's ClientError, whose message comes from Cognito.
    """

    def __init__(
        self,
        client: Any,
        outputs: dict[str, str],
        ask: Callable[[str], str],
        tell: Callable[[str], None] = print,
    ) -> None:
        self._client = client
        self._pool = outputs["UserPoolId"]
        self._app = outputs["UserPoolClientId"]
        self._tell = tell
        self._sign_in = SignIn(client, outputs["UserPoolClientId"], ask, tell)
        self._ask = ask

    def create(self, email: str, group: str, *, mfa: bool = False) -> None:
        """Create a user with a permanent password in a group; `mfa` registers an authenticator app.

        An existing user gets the password, the group and the app.
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
                # No invitation e-mail: the password is set below.
                MessageAction="SUPPRESS",
            )
        self._client.admin_set_user_password(
            UserPoolId=self._pool, Username=email, Password=password, Permanent=True
        )
        self._client.admin_add_user_to_group(UserPoolId=self._pool, Username=email, GroupName=group)
        if mfa:
            token = self._sign_in.tokens(email, password)["AccessToken"]
            self._sign_in.enrol(email, token)

    def token(self, email: str, file: Path | None = None) -> str:
        """Sign a user in, with a second factor if required, and return the access token.

        With `file`, use the refresh token in it; if it is missing or rejected, sign in and write a
        new one. Raises TokenError for an invalid file.
        """
        known = None if file is None else self._known(file, email)
        if known is not None and (renewed := self._renewed(known)):
            return renewed
        password = self._ask(f"password of {email}: ")
        result = self._sign_in.tokens(email, password)
        if file is not None:
            TokenFile(
                endpoint=f"{self._client.meta.endpoint_url}/",
                client_id=self._app,
                refresh_token=str(result["RefreshToken"]),
                user=email,
            ).save(file)
            self._tell(f"{file} renews the token for 30 days; keep it secret")
        return str(result["AccessToken"])

    def _known(self, file: Path, email: str) -> TokenFile | None:
        if not file.exists():
            return None
        known = TokenFile.load(file)
        if (known.client_id, known.user) != (self._app, email):
            raise TokenError(f"{file} belongs to another user or stage; choose another file")
        return known

    def _renewed(self, known: TokenFile) -> str | None:
        try:
            answer = self._client.initiate_auth(
                ClientId=self._app,
                AuthFlow="REFRESH_TOKEN_AUTH",
                AuthParameters={"REFRESH_TOKEN": known.refresh_token},
            )
        except self._client.exceptions.NotAuthorizedException:
            return None
        return str(answer["AuthenticationResult"]["AccessToken"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    given = _parse(arguments)
    try:
        outputs = deployed(given.stage)
        client = boto3.client("cognito-idp", region_name=outputs["Region"], config=CALLS)
        users = Users(client, outputs, getpass.getpass, _tell)
        if given.command == "create":
            users.create(given.email, given.group, mfa=given.mfa)
            factor = ", with a code from the authenticator app," if given.mfa else ""
            print(f"{given.email} can sign in{factor} and is in the group {given.group}")
        else:
            print(users.token(given.email, given.file))
    except (ConfigError, TokenError, ClientError, BotoCoreError) as error:
        print(f"users: {error}", file=sys.stderr)
        return 1
    return 0


def _tell(text: str) -> None:
    # Standard output is for the token.
    print(text, file=sys.stderr)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infrastructure.commands.users", description="Users of a deployed stage."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="create a user; prompts for the password")
    create.add_argument("--group", choices=sorted(ROLE_GROUPS), required=True)
    create.add_argument(
        "--mfa", action="store_true", help="sign the user in and register an authenticator app"
    )
    token = commands.add_parser("token", help="print an access token; prompts for the password")
    token.add_argument(
        "--file",
        type=Path,
        help="store a refresh token here, and renew the token with it",
    )
    for command in (create, token):
        command.add_argument("--stage", choices=STAGES, default="dev")
        command.add_argument("--email", required=True)
    given = parser.parse_args(arguments)
    if "@" not in given.email:
        parser.error("--email: expected an e-mail address (make: EMAIL=…)")
    return given


if __name__ == "__main__":
    sys.exit(main())
