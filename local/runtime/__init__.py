"""Lambda on this machine: workers, invocations and code reload."""
