"""Access tokens: where they come from, how long they live, and their renewal."""
