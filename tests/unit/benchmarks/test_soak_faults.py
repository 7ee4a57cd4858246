"""The faults of the soak test."""

from __future__ import annotations

from typing import get_args

from benchmarks.soak.fault_plan import fault_plan
from local.faults import fault_file
from local.faults.plan import Fault


def test_every_kind_of_fault_is_in_the_plan_and_ends_with_the_run() -> None:
    plan = fault_file.parse(fault_plan(7, 120), "soak")
    kinds = {each.__struct_config__.tag for each in get_args(Fault)}
    assert {fault.kind for fault in plan.faults} == kinds
    assert plan.seed == 7
    assert all(fault.until_s is not None and fault.until_s <= 120 for fault in plan.faults)
