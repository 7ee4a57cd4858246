"""Capacity: what sessions need of each quota, by the code's own requests and rows."""
