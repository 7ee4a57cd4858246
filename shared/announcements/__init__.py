"""Announcements: published, delivered, replayed to later arrivals, and acknowledged."""
