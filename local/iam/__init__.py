"""IAM on this machine: credentials, signatures, and the permissions of each role."""
