"""The signing secret of the external message bus."""

from __future__ import annotations

from local.template.stack_reader import read_stack
from tests.infrastructure.assembly import Assembly


def test_it_is_generated_by_secrets_manager(assembly: Assembly) -> None:
    assert assembly.only("AWS::SecretsManager::Secret") == {
        "Name": "lingocast-dev-sync",
        "Description": "Signs messages of the outside bus: docs/operations.md, Secrets",
        "GenerateSecretString": {"ExcludePunctuation": True, "PasswordLength": 64},
    }


def test_prod_retains_it(assembly: Assembly, prod: Assembly) -> None:
    for of, policy in ((assembly, "Delete"), (prod, "RetainExceptOnCreate")):
        assert of.template["Resources"]["SyncSecret"]["DeletionPolicy"] == policy


def test_local_stacks_use_a_known_value(assembly: Assembly) -> None:
    (secret,) = read_stack(assembly.template_file).secrets

    assert secret.value == "local-sync-secret"
    assert secret.arn.endswith(":secret:lingocast-dev-sync-a1b2c3")
    assert secret.value not in repr(secret)
