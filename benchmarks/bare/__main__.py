"""The limit of this machine for the deliveries of `benchmarks.live`.

    python -m benchmarks.bare --listeners 1000 --seconds 15 --chunk-ms 200

The smallest gateway (WebSockets and a small HTTP protocol, `gateway`), the smallest sender
(libcurl, `sender`) and the same listeners as `benchmarks.live`, each in its own process. There is
no database and no signature, and nobody joins, authorizes, counts, retries or drops. The last line
is a JSON object.
"""

from __future__ import annotations

import argparse
import json

import uvloop

from benchmarks.bare.measurement import bare
from benchmarks.crowd import crowd_process
from benchmarks.limit_search import add_options, find_limit, stream_options
from shared.utils.standard_streams import standard_streams


async def measure(options: argparse.Namespace) -> dict[str, object]:
    """Run the processes and measure once, or until the limit is found."""
    stream = stream_options(options)
    async with crowd_process() as crowd, bare(crowd) as running:
        if not options.find_limit:
            return await running.measure(options.listeners, stream)
        return await find_limit(lambda count: running.measure(count, stream), options.listeners)


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    options = parser.parse_args()
    print(json.dumps(uvloop.run(measure(options))))


if __name__ == "__main__":
    with standard_streams():
        main()
