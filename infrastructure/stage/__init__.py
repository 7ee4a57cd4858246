"""What differs between stages and Regions."""
