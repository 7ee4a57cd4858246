"""Scheduled clean-up: idle connections, missed notifications, counter drift."""
