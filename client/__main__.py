"""`python -m client`, an alias of `python -m cli`."""

from __future__ import annotations

from cli.main import app
from cli.standard_io import serve

serve(app, "python -m client")
