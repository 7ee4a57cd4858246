"""Lambda functions: code, layer and permissions."""
