"""Sessions and their members: joining, leaving, speaking and interpreting."""
