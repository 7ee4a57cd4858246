"""Which files of the repository become the functions' code, and which only make the template."""

from __future__ import annotations

# What is never code, wherever it is: hidden files, compiled ones, and what editors leave behind.
LITTER = (
    "**/.*",
    "**/__pycache__",
    "**/*.pyc",
    "**/*~",
    "**/*.tmp",
    "**/*.swp",
)
# Everything is left out but the packages that the functions are made of: a session's interpreter is
# a client. The syntax is that of a .dockerignore: the library's default one would let in .env and
# other files with a dot.
LEFT_OUT = (
    "*",
    "!lambda",
    "!shared",
    "!interpreter",
    "!client",
    # The alias of the command line, which is not deployed.
    "client/__main__.py",
    *LITTER,
)

# What takes effect by synthesis alone, in the same syntax.
ALL_BUT_SYNTHESIS = ("*", "!infrastructure", "!app.py", "!cdk.json", *LITTER)
