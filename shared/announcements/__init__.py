"""Announcements: written, delivered, replayed to later arrivals, and acknowledged."""
