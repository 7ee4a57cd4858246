"""AWS engine: Amazon Transcribe, Amazon Translate and Amazon Polly."""
