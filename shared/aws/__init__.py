"""Clients of AWS services, secrets and delayed messages."""
