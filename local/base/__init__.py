"""Errors, processes, tasks and sockets shared by all parts of the local stack."""
