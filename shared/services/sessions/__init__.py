"""Sessions and their members: joining, leaving, speaking, interpreting."""
