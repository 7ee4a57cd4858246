"""Cognito on this machine: a token issuer and the JWT authorizer."""
