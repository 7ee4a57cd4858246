"""The limit of this machine: the smallest gateway and sender for the deliveries of a session."""
