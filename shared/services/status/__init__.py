"""Audience statuses, asked for and pushed."""
