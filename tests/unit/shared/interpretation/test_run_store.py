"""Runs of session interpreters: one at a time, despite duplicates, races and crashes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.data_access.table import Table
from shared.interpretation.run_store import RunStore
from shared.models import schema
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import Interpretation
from shared.models.interpreter_run import RUN_LEASE_MS, InterpreterRun
from shared.models.session import Session
from shared.utils.hashed_secret import hash_of
from tests.helpers.database.tables import SESSIONS, dynamodb, moto_tables, sessions_repository
from tests.helpers.lossy.faults import Fault, LossyClient

T0 = 1_700_000_000_000
ID = "golden-eagle-001"
TICKET = hash_of("ticket")


@pytest.fixture
def runs() -> Iterator[RunStore]:
    with moto_tables():
        sessions_repository().create(
            Session(
                session_id=ID,
                owner="alice",
                speaker_connection_id="c1",
                speaker_epoch=1,
                source_language="en",
                quality_tier="standard",
                audio_format=AudioFormat(),
                created_at=T0,
                max_listeners=10,
                interpretation=Interpretation(engine="aws", languages=("es",)),
                ticket_hash=TICKET,
                interpreter_run=InterpreterRun(0, T0 + RUN_LEASE_MS),
            )
        )
        yield RunStore(Table(dynamodb(), SESSIONS, schema.SESSION_ID))


def stored() -> InterpreterRun | None:
    session = sessions_repository().get(ID)
    assert session is not None
    return session.interpreter_run


def test_the_first_claim_returns_the_session(runs: RunStore) -> None:
    claimed = runs.claim(ID, TICKET, 1, T0 + 1_000)

    assert claimed is not None
    assert claimed.generation == 1
    assert claimed.session.interpretation == Interpretation(engine="aws", languages=("es",))
    assert stored() == InterpreterRun(1, T0 + 1_000 + RUN_LEASE_MS)


def test_a_duplicated_invocation_claims_one_run(runs: RunStore) -> None:
    assert runs.claim(ID, TICKET, 1, T0)

    assert runs.claim(ID, TICKET, 1, T0 + RUN_LEASE_MS) is None
    assert stored() == InterpreterRun(1, T0 + RUN_LEASE_MS)


def test_a_live_run_has_one_successor(runs: RunStore) -> None:
    assert runs.claim(ID, TICKET, 1, T0)

    second = runs.claim(ID, TICKET, 2, T0 + 5_000)

    assert second is not None
    assert second.generation == 2
    assert runs.claim(ID, TICKET, 2, T0 + 6_000) is None
    assert runs.claim(ID, TICKET, 1, T0 + 6_000) is None


def test_a_run_with_a_successor_can_neither_renew_nor_release(runs: RunStore) -> None:
    assert runs.claim(ID, TICKET, 1, T0)
    assert runs.renew(ID, 1, T0 + 10_000)
    assert runs.claim(ID, TICKET, 2, T0 + 11_000)

    assert not runs.renew(ID, 1, T0 + 20_000)
    assert not runs.release(ID, 1)
    assert stored() == InterpreterRun(2, T0 + 11_000 + RUN_LEASE_MS)


def test_a_late_retry_after_a_crash_becomes_the_next_generation(runs: RunStore) -> None:
    assert runs.claim(ID, TICKET, 1, T0)

    again = runs.claim(ID, TICKET, 1, T0 + RUN_LEASE_MS + 1)

    assert again is not None
    assert again.generation == 2
    # The run believed dead wakes up.
    assert not runs.renew(ID, 1, T0 + RUN_LEASE_MS + 2)


def test_after_a_release_the_next_run_starts_at_once(runs: RunStore) -> None:
    assert runs.claim(ID, TICKET, 1, T0)
    assert runs.release(ID, 1)

    again = runs.claim(ID, TICKET, 1, T0 + 1)

    assert again is not None
    assert again.generation == 2


def test_only_the_sessions_ticket_claims(runs: RunStore) -> None:
    assert runs.claim(ID, hash_of("another"), 1, T0) is None
    assert runs.claim("calm-otter-002", TICKET, 1, T0) is None


def test_a_reissued_ticket_voids_the_former_one(runs: RunStore) -> None:
    fresh = hash_of("fresh")
    now = T0 + RUN_LEASE_MS + 1

    assert runs.reissue(ID, InterpreterRun(0, T0 + RUN_LEASE_MS), fresh, now)

    assert runs.claim(ID, TICKET, 1, now) is None
    assert runs.claim(ID, fresh, 1, now)


def test_of_two_concurrent_reissues_one_succeeds(runs: RunStore) -> None:
    seen = InterpreterRun(0, T0 + RUN_LEASE_MS)
    now = T0 + RUN_LEASE_MS + 1

    assert runs.reissue(ID, seen, hash_of("one"), now)
    assert not runs.reissue(ID, seen, hash_of("other"), now)
    assert runs.claim(ID, hash_of("one"), 1, now)


def test_reissue_fails_if_the_run_was_renewed_meanwhile(runs: RunStore) -> None:
    assert runs.claim(ID, TICKET, 1, T0)
    seen = InterpreterRun(1, T0 + RUN_LEASE_MS)
    assert runs.renew(ID, 1, T0 + RUN_LEASE_MS + 1)

    assert not runs.reissue(ID, seen, hash_of("fresh"), T0 + RUN_LEASE_MS + 2)


def test_an_ended_session_has_no_runs(runs: RunStore) -> None:
    assert runs.claim(ID, TICKET, 1, T0)
    assert sessions_repository().end(ID, "c1", T0 + 1)

    assert not runs.renew(ID, 1, T0 + 2)
    assert runs.claim(ID, TICKET, 2, T0 + 2) is None
    assert not runs.reissue(ID, InterpreterRun(1, T0 + RUN_LEASE_MS), TICKET, T0 + RUN_LEASE_MS * 2)


@pytest.mark.parametrize("fault", Fault)
def test_calls_recognise_their_own_writes(runs: RunStore, fault: Fault) -> None:
    lossy = LossyClient(dynamodb())
    later = RunStore(Table(lossy, SESSIONS, schema.SESSION_ID))  # type: ignore[arg-type]

    lossy.plan(fault, 0)
    claimed = later.claim(ID, TICKET, 1, T0)
    assert claimed is not None
    assert claimed.generation == 1
    lossy.plan(fault, 0)
    assert later.renew(ID, 1, T0 + 1)
    lossy.plan(fault, 0)
    assert later.release(ID, 1)
    seen = stored()
    assert seen is not None
    lossy.plan(fault, 0)
    assert later.reissue(ID, seen, TICKET, T0 + 2)
    assert stored() == InterpreterRun(1, T0 + 2 + RUN_LEASE_MS)
