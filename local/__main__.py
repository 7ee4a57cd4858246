"""`python -m local`, see `local.cli`; `python -m local metrics`, see `local.metrics.cli`."""

import sys

from local.base.errors import NEEDS_LINUX

if sys.platform != "linux":
    # Before anything is imported that exists on Linux only.
    sys.exit(f"local: {NEEDS_LINUX}")

from shared.utils.standard_streams import standard_streams

with standard_streams() as outputs:
    if sys.argv[1:2] == ["metrics"]:
        from local.metrics import cli

        status = cli.main(sys.argv[2:])
        # Here the output is the result.
        sys.exit(status or bool(outputs.failure))

    from local.cli import main

    sys.exit(main())
