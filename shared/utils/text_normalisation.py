"""Text normalisation matching JavaScript's trim."""

from __future__ import annotations

# Characters that JavaScript's trim removes, so that clients and server count alike:
# https://tc39.es/ecma262/#prod-WhiteSpace and #prod-LineTerminator
_WHITE_SPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


def trim(text: str) -> str:
    """Remove white space from both ends."""
    return text.strip(_WHITE_SPACE)
