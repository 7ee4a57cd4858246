"""`python -m local`, see `local.cli`."""

import sys

from local.errors import NEEDS_LINUX

if sys.platform != "linux":
    # Before anything is imported that exists on Linux only.
    sys.exit(f"local: {NEEDS_LINUX}")

from local.cli import main

sys.exit(main())
