"""Processes of the local stack."""

from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = """
import os, subprocess, sys
from local.base import processes
processes.prepare_for_connections()
show = "import os; print(os.sched_getscheduler(0))"
print(os.sched_getscheduler(0), subprocess.check_output([sys.executable, "-c", show], text=True))
"""


def test_the_stack_and_its_children_are_scheduled_as_batch_work() -> None:
    shown = subprocess.check_output([sys.executable, "-c", _PROGRAM], text=True, timeout=30)
    assert shown.split() == [str(os.SCHED_BATCH)] * 2
