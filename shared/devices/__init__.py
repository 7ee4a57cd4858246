"""Device sync: a user's devices, their state, and the webhook that feeds them."""
