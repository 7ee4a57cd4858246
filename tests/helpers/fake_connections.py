"""Connections in memory: a `ConnectionSender` that records its posts."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from shared.models.delivery import Batch, Outcome
from shared.utils.clock import Clock


@dataclass(frozen=True, slots=True)
class Post:
    """One post and its outcome."""

    connection_id: str
    data: bytes
    deadline_at: int
    outcome: Outcome


class FakeConnections:
    """Reaches every connection, unless a test says otherwise.

    `gone`, `failing` and `dropping` hold connection IDs and may change at any time. `script` queues
    outcomes of one connection's next posts, which take precedence. With a clock, posts after their
    deadline are dropped, as by the real sender; without one, deadlines never pass.

    It passes the same contract tests as `ConnectionGateway`.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.gone: set[str] = set()
        self.failing: set[str] = set()
        self.dropping: set[str] = set()
        self.posts: list[Post] = []
        self.deleted: list[str] = []
        self._clock = clock
        self._scripts: defaultdict[str, deque[Outcome]] = defaultdict(deque)

    def script(self, connection_id: str, *outcomes: Outcome) -> None:
        """Queue outcomes of the next posts to `connection_id`."""
        self._scripts[connection_id].extend(outcomes)

    def received(self, connection_id: str) -> list[bytes]:
        """Messages that reached `connection_id`, in order."""
        return [
            post.data
            for post in self.posts
            if post.connection_id == connection_id and post.outcome is Outcome.SENT
        ]

    def recipients(self) -> list[str]:
        """Connections that posts reached, in order."""
        return [post.connection_id for post in self.posts if post.outcome is Outcome.SENT]

    def post_many(
        self, connection_ids: Sequence[str], data: bytes, deadline_at: int, *, live: bool = False
    ) -> dict[str, Outcome]:
        """See `ConnectionSender.post_many`."""
        return self.post_batches([Batch(connection_ids, data)], deadline_at, live=live)[0]

    def post_batches(
        self, batches: Sequence[Batch], deadline_at: int, *, live: bool = False
    ) -> list[dict[str, Outcome]]:
        """See `ConnectionSender.post_batches`."""
        return [
            {
                connection_id: self._send(connection_id, batch.data, deadline_at)
                for connection_id in dict.fromkeys(batch.connection_ids)
            }
            for batch in batches
        ]

    def post(self, connection_id: str, data: bytes, deadline_at: int) -> Outcome:
        """See `ConnectionSender.post`."""
        return self._send(connection_id, data, deadline_at)

    def delete(self, connection_id: str, deadline_at: int) -> Outcome:
        """See `ConnectionSender.delete`. A deleted connection is gone from then on."""
        outcome = self._state(connection_id, deadline_at)
        if outcome is Outcome.SENT:
            self.deleted.append(connection_id)
            self.gone.add(connection_id)
        return outcome

    def delete_many(self, connection_ids: Sequence[str], deadline_at: int) -> dict[str, Outcome]:
        """See `ConnectionSender.delete_many`."""
        return {
            connection_id: self.delete(connection_id, deadline_at)
            for connection_id in dict.fromkeys(connection_ids)
        }

    def _send(self, connection_id: str, data: bytes, deadline_at: int) -> Outcome:
        outcome = self._state(connection_id, deadline_at)
        script = self._scripts[connection_id]
        if script and outcome is not Outcome.DROPPED:
            outcome = script.popleft()
        self.posts.append(Post(connection_id, data, deadline_at, outcome))
        return outcome

    def _state(self, connection_id: str, deadline_at: int) -> Outcome:
        late = self._clock is not None and self._clock.now_ms() >= deadline_at
        if late or connection_id in self.dropping:
            return Outcome.DROPPED
        if connection_id in self.gone:
            return Outcome.GONE
        if connection_id in self.failing:
            return Outcome.FAILED
        return Outcome.SENT
