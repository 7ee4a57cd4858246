"""The secret that an outside bus signs with."""

from __future__ import annotations

from local.template.stack_reader import read_stack
from tests.infrastructure.assembly import Assembly


def test_it_is_generated_and_nobody_writes_it_down(assembly: Assembly) -> None:
    assert assembly.only("AWS::SecretsManager::Secret") == {
        "Name": "lingocast-dev-sync",
        "Description": "Signs messages of the outside bus: docs/operations.md, Secrets",
        "GenerateSecretString": {"ExcludePunctuation": True, "PasswordLength": 64},
    }


def test_prod_keeps_it(assembly: Assembly, prod: Assembly) -> None:
    for of, policy in ((assembly, "Delete"), (prod, "RetainExceptOnCreate")):
        assert of.template["Resources"]["SyncSecret"]["DeletionPolicy"] == policy


def test_on_a_laptop_it_is_known(assembly: Assembly) -> None:
    (secret,) = read_stack(assembly.template_file).secrets

    assert secret.value == "local-sync-secret"
    assert secret.arn.endswith(":secret:lingocast-dev-sync-a1b2c3")
    assert secret.value not in repr(secret)
