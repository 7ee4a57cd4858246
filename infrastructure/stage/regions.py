"""Services and quotas of the AWS Regions.

Sources, read on 2026-11-30:

- Requests a second, the default quota of an account:
  https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
- Endpoints of Transcribe streaming, Translate and Polly: `data/endpoints.json` of botocore 1.44.5,
  which follows https://docs.aws.amazon.com/general/latest/gr/transcribe.html, `translate-service`
  and `pol`. A test compares the table with the installed botocore.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_DEFAULT = 10_000
_LESS = 2_500
_TRANSCRIBE = "Transcribe streaming"
_TRANSLATE = "Translate"
_POLLY = "Polly"
#: The services that the engine `aws` needs, with botocore's names for them.
SERVICES: Mapping[str, str] = {
    _TRANSCRIBE: "transcribestreaming",
    _TRANSLATE: "translate",
    _POLLY: "polly",
}
_ALL = tuple(SERVICES)


@dataclass(frozen=True)
class Region:
    """Services and quota of one Region."""

    # API Gateway's quota for the whole account, @connections calls included.
    requests_per_second: int
    # Names from SERVICES.
    services: tuple[str, ...]

    @property
    def missing_services(self) -> tuple[str, ...]:
        """The services that the engine `aws` needs and the Region lacks."""
        return tuple(name for name in SERVICES if name not in self.services)


REGIONS: Mapping[str, Region] = {
    "af-south-1": Region(_LESS, (_TRANSCRIBE, _POLLY)),
    "ap-east-1": Region(_DEFAULT, (_TRANSLATE, _POLLY)),
    "ap-east-2": Region(_DEFAULT, ()),
    "ap-northeast-1": Region(_DEFAULT, _ALL),
    "ap-northeast-2": Region(_DEFAULT, _ALL),
    "ap-northeast-3": Region(_DEFAULT, (_POLLY,)),
    "ap-south-1": Region(_DEFAULT, _ALL),
    "ap-south-2": Region(_LESS, ()),
    "ap-southeast-1": Region(_DEFAULT, _ALL),
    "ap-southeast-2": Region(_DEFAULT, _ALL),
    "ap-southeast-3": Region(_LESS, ()),
    "ap-southeast-4": Region(_LESS, ()),
    "ap-southeast-5": Region(_LESS, (_TRANSCRIBE, _POLLY)),
    "ap-southeast-6": Region(_DEFAULT, ()),
    "ap-southeast-7": Region(_LESS, (_TRANSCRIBE, _POLLY)),
    "ca-central-1": Region(_DEFAULT, _ALL),
    "ca-west-1": Region(_LESS, ()),
    "eu-central-1": Region(_DEFAULT, _ALL),
    "eu-central-2": Region(_LESS, (_TRANSCRIBE, _POLLY)),
    "eu-north-1": Region(_DEFAULT, (_TRANSLATE, _POLLY)),
    "eu-south-1": Region(_LESS, ()),
    "eu-south-2": Region(_LESS, (_POLLY,)),
    "eu-west-1": Region(_DEFAULT, _ALL),
    "eu-west-2": Region(_DEFAULT, _ALL),
    "eu-west-3": Region(_DEFAULT, (_TRANSLATE, _POLLY)),
    "il-central-1": Region(_LESS, ()),
    "me-central-1": Region(_LESS, ()),
    "me-south-1": Region(_DEFAULT, (_POLLY,)),
    "mx-central-1": Region(_LESS, (_TRANSCRIBE,)),
    "sa-east-1": Region(_DEFAULT, (_TRANSCRIBE, _POLLY)),
    "us-east-1": Region(_DEFAULT, _ALL),
    "us-east-2": Region(_DEFAULT, _ALL),
    "us-west-1": Region(_DEFAULT, (_TRANSLATE, _POLLY)),
    "us-west-2": Region(_DEFAULT, _ALL),
}
#: For a synthesis without a Region: the values of most Regions, such as us-east-1.
ANY_REGION = Region(_DEFAULT, _ALL)
#: For Regions missing from the table: the least that any Region has.
UNKNOWN_REGION = Region(_LESS, ())
