"""Scheduled clean-ups: idle connections, lost notifications, counters."""
