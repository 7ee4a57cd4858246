"""Entry point of `python -m local` (`local.cli`) and `python -m local metrics`."""

import sys

from local.base.errors import NEEDS_LINUX

if sys.platform != "linux":
    # Checked before importing modules that exist only on Linux.
    sys.exit(f"local: {NEEDS_LINUX}")

from shared.utils.standard_streams import standard_streams

with standard_streams() as outputs:
    if sys.argv[1:2] == ["metrics"]:
        from local.metrics import cli

        status = cli.main(sys.argv[2:])
        # The output is the result, so a failed write is a failure.
        sys.exit(status or bool(outputs.failure))

    from local.cli import main

    sys.exit(main())
