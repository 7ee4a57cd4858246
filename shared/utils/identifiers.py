"""New identifiers from the system's secure random source.

Session IDs are short, so that people can read them aloud, and can be guessed. Secrets cannot.
"""

from __future__ import annotations

import secrets
from typing import Protocol

_ADJECTIVES = (
    "able amber ancient arctic autumn azure bold brave bright brisk bronze calm candid cheerful "
    "clear clever copper coral cosmic crimson crystal curious daring dawn eager early earnest "
    "electric elegant emerald fair famous fearless festive fluent fond free fresh friendly "
    "gentle glad golden graceful grand great happy hidden honest humble icy jolly keen kind "
    "lively loyal lucid lucky lunar magic mellow merry mighty misty modest noble northern open "
    "patient peaceful placid polar proud quick quiet radiant rapid rare royal rustic sacred "
    "scarlet serene sharp silent silver sincere smooth snowy solar solid southern speedy "
    "stellar still sturdy subtle sunny swift tender tidy tranquil true upbeat valiant velvet "
    "vibrant vivid warm wise witty"
).split()
_NOUNS = (
    "albatross anchor antelope arrow aspen badger bamboo beacon bear beaver bison breeze bridge "
    "brook canyon cedar cheetah cliff cloud comet compass condor coral cove crane creek crow "
    "dolphin dove dune eagle echo elk ember falcon fern finch fjord flame forest fountain fox "
    "galaxy garden gazelle geyser glacier grove gull harbor harp hawk heron hill horizon island "
    "ivy jaguar juniper kestrel koala lagoon lake lantern lark leopard lily lion lotus lynx "
    "maple marten meadow meteor mill moon moose mountain nebula oak oasis ocean orchid osprey "
    "otter owl panda panther pearl pelican penguin pine planet prairie puffin quail raven reef "
    "river robin sail salmon seal shore sparrow spruce star stork stream sun swallow swan "
    "thunder tiger trail tulip valley violet walrus wave willow wolf wren zebra"
).split()


class Identifiers(Protocol):
    """Source of new identifiers; tests supply their own."""

    def session_id(self) -> str:
        """An ID of the form `golden-eagle-427`, which may be taken already."""

    def secret(self) -> str:
        """A URL-safe string that cannot be guessed."""


class RandomIdentifiers:
    """Identifiers from the system's secure random source."""

    def session_id(self) -> str:
        """One of about ten million IDs (23.7 bits).

        A conditional write ensures uniqueness.
        Random guesses find a session sooner or later. Sessions that must stay private are created
        with `access: link`, which also requires a secret.
        """
        number = secrets.randbelow(1000)
        return f"{secrets.choice(_ADJECTIVES)}-{secrets.choice(_NOUNS)}-{number:03d}"

    def secret(self) -> str:
        """256 random bits."""
        return secrets.token_urlsafe(32)
