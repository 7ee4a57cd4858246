"""`python -m cli`: speak, listen and interpret from the command line."""

from __future__ import annotations

from cli.main import app
from cli.standard_io import serve

serve(app, "python -m cli")
