"""AWS clients, secrets and delayed messages."""
