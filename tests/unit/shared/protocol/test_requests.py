"""The table of requests is complete and consistent."""

from __future__ import annotations

from collections.abc import Iterator

from infrastructure.catalogue.function_table import FUNCTIONS
from infrastructure.stage.throttles import DEV, PROD
from shared.admission.budgets import BUDGETS, LISTEN_ONLY_BUDGETS
from shared.protocol.message_base import Request, ServerMessage, action_of
from shared.protocol.requests import ACTIONS, REQUESTS, SPECS, ThrottleClass
from shared.protocol.server_messages import SERVER_MESSAGES


def leaves(base: type) -> Iterator[type]:
    """The project's classes below `base` that have no subclasses."""
    below: list[type] = base.__subclasses__()
    for each in below:
        if each.__module__.startswith("shared."):
            yield from leaves(each) if each.__subclasses__() else [each]


def test_every_request_type_has_one_row() -> None:
    assert set(SPECS) == set(leaves(Request))
    assert len(REQUESTS) == len(SPECS) == len(ACTIONS)


def test_every_server_message_is_in_the_union_once() -> None:
    assert set(SERVER_MESSAGES) == set(leaves(ServerMessage))
    assert len(SERVER_MESSAGES) == len(set(SERVER_MESSAGES))


def test_rows_name_functions_that_exist() -> None:
    assert {spec.function for spec in REQUESTS} <= {function.name for function in FUNCTIONS}


def test_rows_are_found_by_the_name_on_the_wire() -> None:
    for spec in REQUESTS:
        assert ACTIONS[action_of(spec.request)] is spec


def test_every_throttle_class_is_used() -> None:
    routes = {ThrottleClass.CONNECT, ThrottleClass.DEFAULT}
    used = {spec.throttle for spec in REQUESTS}

    assert used | routes == set(ThrottleClass)
    assert {*BUDGETS, *LISTEN_ONLY_BUDGETS} <= used
    assert {*DEV, *PROD} <= used | routes
