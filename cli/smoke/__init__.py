"""The smoke test: one speaker and two listeners against a running stack."""
