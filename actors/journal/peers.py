"""Requests between the engines of a store: one engine asks, the one that has the run answers.

    asker: ask --> a row of `requests` --NOTIFY--> owner: PeerAsked --> the answer, in the commit of its change
    asker <-- the answer <--NOTIFY-- owner

The row is durable. A notification that is lost is repaired when both look again, at each renewal of their leases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from stretto.definitions.errors import StrettoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pykka

    from stretto.actors.dispatch import Deferred
    from stretto.actors.journal.limits import KeyUser
    from stretto.actors.journal.rates import RateUser
    from stretto.actors.journal.watches import RunWatches

MAX_WAITING_REQUESTS: Final = 1000
"""Requests of one engine to others that wait for their answers."""
LEAST_ANSWER_SECONDS: Final = 10.0
"""The least time that an engine waits for an answer. It waits for three leases, in which a run can change its owner."""
LEASES_OF_AN_ANSWER: Final = 3


class PeerRequest(msgspec.Struct, frozen=True):
    """A request from another engine.

    Attributes:
        number: Its number in the store.
        asker: The engine that asks.
        kind: What it asks for.
        run_id: The run that it is about, or None if it is about the engine itself.
        body: Its arguments, which the engine encodes.
    """

    number: int
    asker: int
    kind: str
    run_id: str | None
    body: bytes


class PeerAnswer(msgspec.Struct, frozen=True):
    """The answer to a request, written in the commit of the change that was asked for."""

    number: int
    body: bytes


class PeerAsked(msgspec.Struct, frozen=True):
    """To the engine: another engine of the store asks for something."""

    request: PeerRequest


class RequestUnanswered(StrettoError):
    """No other engine has answered a request in time. It may still take effect: check the run."""

    code = "request_unanswered"


class Peers(Protocol):
    """The other engines of the store. Thread-safe."""

    @property
    def watches(self) -> RunWatches:
        """The runs of others that this one watches, and its news for others."""

    def start(
        self, engine: pykka.ActorRef[Any], journal: pykka.ActorRef[Any], keys_changed: Callable[[], object]
    ) -> None:
        """Begin to listen.

        Args:
            engine: Gets `PeerAsked` for each request, `EventsElsewhere`, and the messages of `watches`.
            journal: Gets `ClaimLeft` when another engine has given up runs.
            keys_changed: Called on the thread of the peers when the key-value store may have changed.
        """

    def ask(self, kind: str, body: bytes, *, run_id: str | None = None, engine: int | None = None) -> Deferred:
        """Ask the engine that has a run, or an engine by its number, and return the body of its answer.

        Args:
            kind: What it asks for.
            body: The arguments.
            run_id: The run. The engine that has it may change before it answers.
            engine: The engine, for a request about itself.

        Returns:
            The answer. Fails with `RequestUnanswered`, `LimitExceeded` or `StoreUnavailable`.
        """

    def answered(self, request: PeerRequest) -> None:
        """Notify an engine that the answer to its request is durable."""

    def retry(self, request: PeerRequest) -> None:
        """Let a request come again that could not be answered now."""

    def released(self) -> None:
        """Notify all other engines that this one has given up runs, which they can claim."""

    def events_accepted(self) -> None:
        """Notify all other engines that this one has accepted events, for which their items may wait."""

    def keys_written(self) -> None:
        """Notify all engines of a change of the key-value store."""

    def use_limits(self, user: KeyUser) -> None:
        """Set whose needs of permits are met. Called once, before `start`."""

    def share(self, keys: Iterable[str]) -> None:
        """Share out the permits of keys: the needs of this engine have changed."""

    def use_rates(self, user: RateUser) -> None:
        """Set who gets the times of rates. Called once, before `start`."""

    def take_times(self, keys: Iterable[str]) -> None:
        """Take the times of rates: the needs of this engine have changed."""

    def look(self) -> None:
        """Look for requests now, as this engine has claimed runs."""

    def stop(self) -> None:
        """Fail all requests that wait, end the thread, and close the connection; idempotent."""
