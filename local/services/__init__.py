"""DynamoDB, SQS, Secrets Manager and Lambda on this machine."""
