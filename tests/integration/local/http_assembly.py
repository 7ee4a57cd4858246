"""A small assembly with an HTTP API and secrets: its template and code."""

from __future__ import annotations

from tests.unit.local import assembly

CODE = '''
import json, os, time
import boto3

def web(event, context):
    """Return the event, or do what the query says."""
    wanted = event.get("queryStringParameters", {}).get("do")
    if wanted == "fail":
        raise ValueError("words of the function")
    if wanted == "slow":
        time.sleep(60)
    if wanted == "tell":
        secrets = boto3.client("secretsmanager")
        answer = secrets.get_secret_value(SecretId=os.environ["MINE"])
        return {"secret": answer["SecretString"]}
    if wanted == "steal":
        try:
            boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["OTHERS"])
        except Exception as error:
            return {"refused": error.response["Error"]}
    return {"statusCode": 201, "cookies": ["a=1", "b=2"], "body": json.dumps(event)}
'''


def template() -> assembly.Template:
    """One function with two routes; only the first needs a token."""
    template = assembly.base()
    resources = template["Resources"]
    resources |= {
        "Mine": assembly.secret("fixture-dev-mine"),
        "Others": assembly.secret("fixture-dev-others"),
        "Show": assembly.function(
            "functions.web", timeout=3, MINE={"Ref": "Mine"}, OTHERS={"Ref": "Others"}
        ),
        "Role": assembly.role(assembly.allow("secretsmanager:GetSecretValue", {"Ref": "Mine"})),
    }
    return assembly.with_http(template, {"POST /notes": "Show"}, {"ANY /open": "Show"})
