"""The synthesized template, read into what this machine can run."""
