"""The workers of a pool, as the pool sees them."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from stretto.actors.actions import Action
from stretto.actors.pools.announcing import ALWAYS_THERE, announced_digest
from stretto.actors.pools.batching import BATCHES_IN_FLIGHT
from stretto.actors.pools.calls import Batch, PooledCall
from stretto.actors.pools.messages import Joined
from stretto.definitions.data import weigh
from stretto.definitions.model import Resources

ROUNDING: Final = 1e-6
"""Shares such as 0.1 add up to a little more than their sum."""
MISSED_BEATS: Final = 3
"""A worker that is silent for so many beats is lost."""


class Load:
    """The bytes of a batch that is put together: the inputs, and the large values that the worker does not have yet.

    Args:
        worker: The worker that the batch is for.

    Attributes:
        bytes: How many there are, about.
    """

    __slots__ = ("_new", "_worker", "bytes")

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._new: set[bytes] = set()
        self.bytes = 0

    def takes(self, pooled: PooledCall, most: int) -> bool:
        """Add a call, or return False if there are others, and it would bring the bytes, about, above a bound."""
        known, split = self._worker.values, pooled.split
        total = self.bytes + len(split.text)
        if split.values:
            new = (each for each in split.values.items() if each[0] not in known and each[0] not in self._new)
            total += sum(weigh(value) for _, value in new)
        if total > most and self.bytes:
            return False
        self.bytes = total
        if split.values:
            self._new.update(split.values)
        return True


class SentValues:
    """The digests of the large values that a worker has been sent, as far as it can have kept them.

    Args:
        most: The bytes of the values that the worker keeps.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._sizes: OrderedDict[bytes, int] = OrderedDict()
        self._bytes = 0

    def __contains__(self, digest: object) -> bool:
        return digest in self._sizes

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, values: Mapping[bytes, bytes]) -> None:
        """Add values by digest. The oldest ones above the bound are forgotten: they would be sent again."""
        for digest, text in values.items():
            self._sizes[digest] = len(text)
            self._bytes += len(text)
        while self._bytes > self._most and len(self._sizes) > 1:
            self._bytes -= self._sizes.popitem(last=False)[1]

    def forget(self, digests: Iterable[bytes]) -> None:
        """Remove values that were not sent."""
        for digest in digests:
            self._bytes -= self._sizes.pop(digest, 0)


class Worker:
    """A connected worker.

    Attributes:
        id: The carrier's name for it.
        joined: What it has said of itself.
        in_flight: Its calls by the number of the sending.
        open_batches: How many batches have calls that have not ended.
        values: The large values that it has been sent.
        taken: The CPUs, GPUs and bytes of memory that its calls have taken for themselves.
        last_heard: When its last message came, on the pool's clock.
        draining: Whether it gets no more calls.
    """

    __slots__ = (
        "actions", "draining", "id", "in_flight", "joined", "last_heard", "open_batches", "suspect",
        "taken", "values",
    )  # fmt: skip

    def __init__(self, worker_id: str, joined: Joined, now: float, cache_bytes: int) -> None:
        self.id = worker_id
        self.joined = joined
        self.actions = {each.ref: each.digest for each in joined.actions}
        self.in_flight: dict[int, PooledCall] = {}
        self.open_batches = 0
        self.values = SentValues(cache_bytes)
        self.taken = (0.0, 0.0, 0)
        self.last_heard = now
        self.draining = False
        self.suspect = False

    @property
    def has_room(self) -> bool:
        """Whether it can get another batch."""
        if self.draining or self.suspect:
            return False
        return self.open_batches < BATCHES_IN_FLIGHT or len(self.in_flight) < self.joined.slots

    def can_run(self, action: Action) -> bool:
        """Return whether it has the same action. Without a digest of its own, the pool takes any."""
        if action.ref in ALWAYS_THERE:
            return True
        digest = self.actions.get(action.ref)
        return digest is not None and digest == announced_digest(action)

    def reserve(self, needs: Resources, offers: Resources) -> bool:
        """Take what a call needs of what the worker has, or return False if that is not free now."""
        cpus, gpus, memory = self.taken
        taken = (cpus + needs.cpus, gpus + needs.gpus, memory + needs.memory)
        if taken[0] > offers.cpus + ROUNDING or taken[1] > offers.gpus + ROUNDING or taken[2] > offers.memory:
            return False
        self.taken = taken
        return True

    def release(self, needs: Resources) -> None:
        """Give back what a call has taken."""
        cpus, gpus, memory = self.taken
        self.taken = (cpus - needs.cpus, gpus - needs.gpus, memory - needs.memory)

    def may_run(self) -> frozenset[int]:
        """Return the numbers of the calls that may run now. A worker starts as many as it has slots, in their order.

        The mark of a begin is no proof of the opposite: a call that ends its process may be quicker than its mark.
        """
        first = islice(self.in_flight, self.joined.slots)
        return frozenset((*first, *(number for number, each in self.in_flight.items() if each.began is not None)))

    def take_in(self, batch: Sequence[PooledCall], numbers: Iterator[int]) -> None:
        """Add the calls of a batch, and give each of them the number of its sending."""
        shared, in_flight = Batch(self.id, len(batch)), self.in_flight
        self.open_batches += 1
        for pooled, number in zip(batch, numbers, strict=False):
            pooled.batch, pooled.sending = shared, number
            in_flight[number] = pooled

    def take(self, numbers: Iterable[int]) -> list[PooledCall | None]:
        """Remove calls that have ended. Return each, or None where the sending is another one's."""
        in_flight, taken = self.in_flight, []
        for number in numbers:
            pooled = in_flight.pop(number, None)
            taken.append(pooled)
            if pooled is None:
                continue
            if pooled.needs is not None:
                self.release(pooled.needs)
            batch, pooled.batch = pooled.batch, None
            if batch is not None:
                batch.left -= 1
                if not batch.left:
                    self.open_batches -= 1
        return taken

    def report(self) -> dict[str, Any]:
        """Return the worker for people: {worker, name, process, slots, labels, actions, in_flight, state}."""
        return {
            "worker": self.id,
            "name": self.joined.name,
            "process": self.joined.process,
            "slots": self.joined.slots,
            "labels": dict(sorted(self.joined.labels.items())),
            "actions": sorted(self.actions),
            "in_flight": len(self.in_flight),
            "state": "draining" if self.draining else "connected",
        }
