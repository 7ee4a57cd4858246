"""`python -m local`, see `local.cli`; `python -m local metrics`, see `local.metrics_cli`."""

import sys

from local.errors import NEEDS_LINUX

if sys.platform != "linux":
    # Before anything is imported that exists on Linux only.
    sys.exit(f"local: {NEEDS_LINUX}")

if sys.argv[1:2] == ["metrics"]:
    from local import metrics_cli

    sys.exit(metrics_cli.main(sys.argv[2:]))

from local.cli import main

sys.exit(main())
