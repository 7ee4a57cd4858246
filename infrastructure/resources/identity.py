"""The Cognito user pool of speakers, interpreters and operators, and its client and groups."""

from __future__ import annotations

from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infrastructure.catalogue.naming import construct_id
from infrastructure.stage.config import StageConfig
from shared.utils.identity import ROLE_GROUPS

# Cognito allows 5 minutes to 24 hours, and 60 minutes to 10 years.
ACCESS_TOKEN_HOURS = 12
REFRESH_TOKEN_DAYS = 30


class Identity:
    """The user pool. Administrators create users; listeners need no account."""

    def __init__(self, scope: Construct, config: StageConfig) -> None:
        self._pool = cognito.CfnUserPool(
            scope,
            "UserPool",
            user_pool_name=config.resource_name("users"),
            username_attributes=["email"],
            auto_verified_attributes=["email"],
            admin_create_user_config=cognito.CfnUserPool.AdminCreateUserConfigProperty(
                allow_admin_create_user_only=True
            ),
            account_recovery_setting=cognito.CfnUserPool.AccountRecoverySettingProperty(
                recovery_mechanisms=[
                    cognito.CfnUserPool.RecoveryOptionProperty(name="verified_email", priority=1)
                ]
            ),
            policies=cognito.CfnUserPool.PoliciesProperty(
                password_policy=cognito.CfnUserPool.PasswordPolicyProperty(
                    minimum_length=12,
                    require_lowercase=True,
                    require_numbers=True,
                    require_symbols=True,
                    require_uppercase=True,
                )
            ),
            # Users may register an authenticator app; sign-in on the command line then asks for
            # its code.
            mfa_configuration="OPTIONAL",
            enabled_mfas=["SOFTWARE_TOKEN_MFA"],
            deletion_protection="ACTIVE" if config.deletion_protection else "INACTIVE",
        )
        self._pool.apply_removal_policy(config.removal_policy)
        self._client = cognito.CfnUserPoolClient(
            scope,
            "UserPoolClient",
            client_name=config.resource_name("client"),
            user_pool_id=self._pool.ref,
            # Neither a command line nor a browser can keep a secret.
            generate_secret=False,
            explicit_auth_flows=[
                "ALLOW_REFRESH_TOKEN_AUTH",
                "ALLOW_USER_PASSWORD_AUTH",
                "ALLOW_USER_SRP_AUTH",
            ],
            # An unknown user gets the same error as a wrong password.
            prevent_user_existence_errors="ENABLED",
            enable_token_revocation=True,
            # Long enough for a day of talks; clients renew tokens while the refresh token lasts.
            # See docs/decisions/0031-rights-end-with-the-token.md
            access_token_validity=ACCESS_TOKEN_HOURS,
            refresh_token_validity=REFRESH_TOKEN_DAYS,
            token_validity_units=cognito.CfnUserPoolClient.TokenValidityUnitsProperty(
                access_token="hours",  # noqa: S106 - a unit
                refresh_token="days",  # noqa: S106 - a unit
            ),
            # A rotated token is revoked 60 s after its successor was issued, even if the response
            # was lost, and rotation excludes REFRESH_TOKEN_AUTH, which the client uses.
            refresh_token_rotation=cognito.CfnUserPoolClient.RefreshTokenRotationProperty(
                feature="DISABLED"
            ),
        )
        for group in sorted(ROLE_GROUPS):
            cognito.CfnUserPoolGroup(
                scope,
                construct_id(group, "Group"),
                group_name=group,
                user_pool_id=self._pool.ref,
            )

    @property
    def user_pool_id(self) -> str:
        """The pool that clients sign in to."""
        return self._pool.ref

    @property
    def client_id(self) -> str:
        """The client for which tokens must be issued."""
        return self._client.ref

    @property
    def issuer(self) -> str:
        """The `iss` claim of the pool's tokens: an https URL without a trailing slash.

        It is `https://cognito-idp.<region>.amazonaws.com/<pool id>`, according to
        https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
        ProviderURL has this form; ProviderName lacks the scheme.
        """
        return self._pool.attr_provider_url
