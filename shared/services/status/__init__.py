"""Session status: on request, periodic and triggered."""
