"""The engine on AWS: Amazon Transcribe hears, Amazon Translate translates, Amazon Polly speaks."""
