"""Sound files, pipes and devices: reading, conversion and outputs."""
