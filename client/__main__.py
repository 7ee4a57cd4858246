"""`python -m client`: speak, listen and interpret from the command line."""

from __future__ import annotations

from client.cli import app
from client.command_line import serve

serve(app, "python -m client")
