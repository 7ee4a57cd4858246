"""Sound from files, pipes and devices: reading, converting and recording."""
