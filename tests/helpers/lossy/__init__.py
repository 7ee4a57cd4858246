"""Lossy doubles of AWS, and scenarios that must survive the loss of any call."""
