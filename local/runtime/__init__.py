"""Lambda on this machine: workers, invocations and hot reload."""
