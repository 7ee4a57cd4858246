"""The hybrid logical clock that orders what a user's devices say.

It stays close to wall-clock time and yet never runs backwards, and what was heard before comes
before what is said after, whatever the devices' clocks show. Kulkarni et al., "Logical Physical
Clocks", OPODIS 2014: https://cse.buffalo.edu/tech-reports/2014-04.pdf
"""

from __future__ import annotations

from typing import Annotated

import msgspec


class Hlc(msgspec.Struct, frozen=True, rename="camel", order=True):
    """One moment: wall-clock time (ms since the epoch), a counter for what happens within it, and
    the node that says so, by which ties are broken. Ordered as these fields are.
    """

    wall_ms: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    counter: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    node: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
