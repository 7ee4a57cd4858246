"""Repositories: the only readers and writers of the tables."""
