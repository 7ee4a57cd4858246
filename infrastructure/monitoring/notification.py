"""The SNS topic of alarms and its e-mail subscription."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infrastructure.stage.config import StageConfig

_CLOUDWATCH = "cloudwatch.amazonaws.com"


def create_topic(scope: Construct, config: StageConfig) -> str:
    """Create an encrypted topic to which alarms publish over TLS, and return its ARN.

    The key is a customer key: CloudWatch may not use the AWS managed key of SNS, so with it alarms
    would fail silently.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    same_account = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
    key = kms.Key(
        scope,
        "AlarmKey",
        description=f"Alarms of {config.stack_name}",
        enable_key_rotation=True,
        removal_policy=config.removal_policy,
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(_CLOUDWATCH)],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions=same_account,
        )
    )
    topic = sns.Topic(
        scope,
        "AlarmTopic",
        topic_name=config.resource_name("alarms"),
        master_key=key,
        enforce_ssl=True,
    )
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(_CLOUDWATCH)],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions=same_account,
        )
    )
    if config.alarm_email:
        sns.Subscription(
            scope,
            "AlarmEmail",
            topic=topic,
            protocol=sns.SubscriptionProtocol.EMAIL,
            endpoint=config.alarm_email,
        )
    return topic.topic_arn
