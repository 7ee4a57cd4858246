"""The composition root: builds each function's services from its environment.

Each group of functions has an App. It builds every part on first use, so a function needs only the
settings and permissions of the parts it uses.
"""
