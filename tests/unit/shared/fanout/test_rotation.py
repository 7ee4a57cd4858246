"""Rotation of audiences."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.fanout.rotation import Rotation


@given(audience=st.lists(st.text(max_size=3), max_size=30), fanouts=st.integers(1, 20))
def test_everyone_is_served_in_the_order_of_the_audience(audience: list[str], fanouts: int) -> None:
    rotation = Rotation()
    for _ in range(fanouts):
        served = rotation.rotated(audience)
        assert any(
            served == audience[start:] + audience[:start] for start in range(len(audience) + 1)
        )


def test_the_tail_differs_from_fanout_to_fanout() -> None:
    rotation = Rotation()
    audience = [f"c{number}" for number in range(1_000)]
    cut_off = [0] * len(audience)
    for _ in range(100):
        for connection_id in rotation.rotated(audience)[-200:]:
            cut_off[int(connection_id[1:])] += 1

    assert min(cut_off) >= 15
    assert max(cut_off) <= 25


def test_two_fanouts_in_a_row_cut_off_different_recipients() -> None:
    rotation = Rotation()
    audience = [f"c{number}" for number in range(100)]
    tails = [set(rotation.rotated(audience)[-30:]) for _ in range(50)]

    assert not any(one & next_ for one, next_ in pairwise(tails))
