"""Triggers that invoke functions without a request: queues and schedules."""
