"""Errors, processes, tasks and sockets that every part of the local stack uses."""
