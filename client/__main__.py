"""`python -m client`: speak, listen and interpret from the command line."""

from __future__ import annotations

from client.cli import app

app(prog_name="python -m client")
