"""Local IAM: credentials, signatures and role permissions."""
