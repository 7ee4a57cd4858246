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
# Everything is left out but the two packages that the functions are made of. The syntax is that of
# a .dockerignore: the library's default one would let in .env and other files with a dot.
LEFT_OUT = ("*", "!lambda", "!shared", *LITTER)

# What takes effect by synthesis alone, in the same syntax.
ALL_BUT_SYNTHESIS = ("*", "!infrastructure", "!app.py", "!cdk.json", *LITTER)
