"""Services: the rules of sessions, audio, status and sweeps.

Repositories store, the connection gateway sends.
"""
