"""A small assembly for tests of the complete local stack: its template and code."""

from __future__ import annotations

import json
from typing import Any

from websockets.sync.client import ClientConnection

from tests.unit.local import assembly

PATIENCE_SECONDS = 30

CODE = '''
import json, os, time
import boto3

def guard(event, context):
    """The token is the user; without a token the user is anonymous."""
    token = (event.get("queryStringParameters") or {}).get("token")
    if token == "bad":
        raise Exception("Unauthorized")
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
    return {
        "principalId": token or "anonymous",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"userId": token} if token else {},
    }

def life(event, context):
    return {"statusCode": 200}

_api = None

def talk(event, context):
    global _api
    request = json.loads(event["body"]) if event.get("body") else {}
    me = event["requestContext"]["connectionId"] if "requestContext" in event else None
    action = request.get("action")
    if action == "fail":
        raise ValueError("words of the client")
    if action == "exit":
        os._exit(3)
    if action == "slow":
        time.sleep(60)
    if action == "push":
        _api = _api or boto3.client(
            "apigatewaymanagementapi", endpoint_url=os.environ["API_GATEWAY_ENDPOINT"]
        )
        _api.post_to_connection(ConnectionId=request["to"], Data=request["text"].encode())
    if action == "store":
        table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
        table.put_item(Item={"id": request["id"], "when": 1})
        item = table.query(
            IndexName="recent",
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": request["id"]},
        )["Items"][0]
        return {"statusCode": 200, "body": item["id"]}
    if action == "invoke":
        answer = boto3.client("lambda").invoke(
            FunctionName=os.environ["OTHER"], Payload=json.dumps({"n": 1})
        )
        return {"statusCode": 200, "body": answer["Payload"].read().decode()}
    body = {
        "me": me,
        "user": event["requestContext"].get("authorizer", {}).get("userId"),
        "environment": dict(os.environ),
        "action": action,
    }
    return {"statusCode": 200, "body": json.dumps(body)}

def other(event, context):
    if event.get("fail"):
        raise KeyError("x")
    return {"got": event, "memory": context.memory_limit_in_mb}
'''


def template() -> assembly.Template:
    """An authorizer, a function for each kind of route, and one without a route."""
    endpoint = {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}"}
    template = assembly.with_routes(
        {"$connect": "Life", "$disconnect": "Life", "$default": "Talk", "quiet": "Talk"},
        {"$default"},
        Life=assembly.function("functions.life"),
        Talk=assembly.function(
            "functions.talk",
            timeout=3,  # to make a client of AWS takes most of a second on a slow machine
            API_GATEWAY_ENDPOINT=endpoint,
            TABLE={"Ref": "Notes"},
            OTHER={"Ref": "Other"},
            TOKEN_ISSUER={"Fn::GetAtt": ["Pool", "ProviderURL"]},
        ),
        Other=assembly.function("functions.other"),
        Guard=assembly.function("functions.guard"),
    )
    template["Resources"]["Role"] = assembly.role(
        assembly.allow("dynamodb:PutItem", {"Fn::GetAtt": ["Notes", "Arn"]}),
        assembly.allow("dynamodb:Query", {"Fn::Sub": "${Notes.Arn}/index/recent"}),
        assembly.allow("lambda:InvokeFunction", {"Fn::GetAtt": ["Other", "Arn"]}),
        assembly.allow(
            "execute-api:ManageConnections",
            {
                "Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
                "${Api}/${Stage}/POST/@connections/*"
            },
        ),
    )
    return assembly.with_authorizer(template, "Guard")


def ask(client: ClientConnection, action: str, **fields: object) -> Any:
    """Send a request and return the next message."""
    client.send(json.dumps({"action": action, **fields}))
    return json.loads(client.recv(PATIENCE_SECONDS))
