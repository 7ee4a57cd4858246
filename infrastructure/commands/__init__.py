"""Operators' commands: deploy, outputs, users."""
