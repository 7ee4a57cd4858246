"""File patterns: what becomes the functions' code, and what only affects the template."""

from __future__ import annotations

# Never code: hidden files, byte code and editors' leftovers.
LITTER = (
    "**/.*",
    "**/__pycache__",
    "**/*.pyc",
    "**/*~",
    "**/*.tmp",
    "**/*.swp",
)
# Excludes everything but the packages that functions import (`interpreter` runs as a client).
# The syntax is that of .dockerignore, because the CDK's default would include dot files like .env.
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

# Everything but the files that only synthesis reads, in the same syntax.
ALL_BUT_SYNTHESIS = ("*", "!infrastructure", "!app.py", "!cdk.json", *LITTER)
