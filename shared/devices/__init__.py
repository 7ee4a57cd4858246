"""Device sync: a user's devices, their shared state, and the webhook of an external bus."""
