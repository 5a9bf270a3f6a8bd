"""What one daemon can keep busy: 10,000,000 items on pools of up to 8,000 workers, simulated batch by batch.

    python perf/pool_capacity.py [ITEMS]

The daemon is one server: it takes `ITEM_SECONDS` for each item and `MESSAGE_SECONDS` for each batch, as measured. The
sizes of the batches are those of the product (`actors/pools/batching.py`). Durations are exponential. Each case is
simulated twice: without losses, and with workers that are lost once a day each, whose batches run again after three
beats. Not simulated: the network, and PostgreSQL. 10,000,000 items take two minutes of CPU time.
"""

import heapq
import random
import sys
from dataclasses import dataclass

from stretto.actors.pools.batching import BATCHES_IN_FLIGHT, MESSAGE_SECONDS, batch_size

ITEM_SECONDS = 20e-6
LATENCY_SECONDS = 1e-3
NOTICE_SECONDS = 15.0
"""Three beats of 5 seconds."""
CASES = (
    (100, 0.001), (1_000, 0.01), (1_000, 0.1), (1_000, 1.0), (8_000, 0.1), (8_000, 1.0), (8_000, 10.0),
)  # fmt: skip
"""Workers, and seconds of an item. 8,000 workers are 1,000 nodes with 8 each."""


@dataclass
class Figures:
    """The result of a simulation."""

    seconds: float
    daemon_busy: float
    most_in_flight: int
    batches: int
    ran_again: int


def simulate(items: int, workers: int, seconds: float, failures: float | None = None, seed: int = 1) -> Figures:
    """Run `items` items of `seconds` on `workers` workers with one slot each.

    Args:
        items: The number of items.
        workers: The number of workers.
        seconds: The mean duration of an item.
        failures: The mean time between failures of one worker in seconds, or None.
        seed: The seed of the random numbers.
    """
    numbers = random.Random(seed)  # noqa: S311 - a simulation
    left, in_flight, most, batches, again = items, 0, 0, 0, 0
    free_at, busy = 0.0, 0.0
    busy_until = [0.0] * workers
    events: list[tuple[float, int, int, int, bool]] = []

    def send(now: float, worker: int) -> None:
        nonlocal left, in_flight, most, batches
        if left <= 0:
            return
        size = min(batch_size(seconds, 1, left, workers), left)
        left -= size
        in_flight += size
        most = max(most, in_flight)
        begin = max(now + LATENCY_SECONDS, busy_until[worker])
        duration = numbers.gammavariate(size, seconds)
        lost = failures is not None and numbers.random() < duration / failures
        busy_until[worker] = begin + duration + (NOTICE_SECONDS if lost else 0.0)
        batches += 1
        heapq.heappush(events, (busy_until[worker] + LATENCY_SECONDS, batches, worker, size, lost))

    for _ in range(BATCHES_IN_FLIGHT):
        for worker in range(workers):
            free_at += MESSAGE_SECONDS / 2
            busy += MESSAGE_SECONDS / 2
            send(free_at, worker)
    while events:
        at, _, worker, size, lost = heapq.heappop(events)
        cost = MESSAGE_SECONDS + (0 if lost else size * ITEM_SECONDS)
        free_at = max(at, free_at) + cost
        busy += cost
        in_flight -= size
        if lost:
            left += size
            again += size
        send(free_at, worker)
    return Figures(free_at, busy / free_at, most, batches, again)


def main(items: int) -> None:
    """Print the table."""
    print(f"{items:,} items")
    print("| workers | an item | ideal | took | x ideal | daemon busy | in flight | batches | ran again |")
    print("|---|---|---|---|---|---|---|---|---|")
    for workers, seconds in CASES:
        for failures in (None, 86_400.0):
            found = simulate(items, workers, seconds, failures)
            ideal = items * seconds / workers
            again = "no losses" if failures is None else f"{found.ran_again:,}"
            print(
                f"| {workers:,} | {seconds * 1e3:,.0f} ms | {ideal:,.0f} s | {found.seconds:,.0f} s | "
                f"{found.seconds / ideal:.2f} | {found.daemon_busy:.0%} | {found.most_in_flight:,} | "
                f"{found.batches:,} | {again} |",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
