"""The carrier of a pool: it has workers run somewhere, and takes messages there and back."""

from typing import Protocol


class CarrierEvents(Protocol):
    """The reports of a carrier. Any thread may call these methods, which return at once."""

    def received(self, worker: str, data: bytes) -> None:
        """Take a message of a worker."""

    def heard(self, worker: str) -> None:
        """Take note that a worker is alive: a portion of a long message has come."""

    def closed(self, worker: str, reason: str) -> None:
        """Take note that a worker's connection has ended."""


class Carrier(Protocol):
    """Carries messages between a pool and its workers.

    A worker is known by a text that the carrier chooses and never uses again.
    """

    @property
    def expected(self) -> int:
        """How many workers there should be."""

    @property
    def keeps_secrets(self) -> bool:
        """Whether only the workers can read what it carries."""

    @property
    def trouble(self) -> str | None:
        """Why no worker can start, or None."""

    def start(self, events: CarrierEvents) -> None:
        """Connect, and have the workers start. Reports go to `events`."""

    def send(self, worker: str, data: bytes) -> None:
        """Send a message to a worker. It must not wait. A message to one that is gone is dropped."""

    def discard(self, worker: str) -> None:
        """End the connection to a worker that is lost, and its process if it is the carrier's own."""

    def stop(self) -> None:
        """End all workers and threads in bounded time. Idempotent."""
