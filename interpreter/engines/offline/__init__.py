"""The engine for laptops and tests: real, and without a network. Hears English only."""
