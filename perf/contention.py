"""Requests during a large fan-out: how much longer a client waits than in an idle engine, and what the items lose.

    python perf/contention.py [ROUNDS]     alone

Over an SQLite store, with the thread switching and the garbage collection of the daemon. A client submits small runs,
waits for their outcome, submits runs that only wait, and cancels them: some thirty commits a second that it waits for.
"""

import sys
import threading
from time import perf_counter, sleep
from typing import Any

from engines import RUN_SECONDS, engine, run
from measure import Samples, in_fresh_process, median, numbered, percentile, ratio
from report import Measured, Table, figure
from schedules import as_a_daemon
from stores import SQLITE, files

ITEMS = 100_000
IDLE_REQUESTS = 30
"""Of each kind in a round, in the idle engine."""
PAUSE_SECONDS = 0.1
"""The time between two turns of the client's."""
ROUNDS = 7
IDLE, BUSY = "idle", "during the fan-out"
ACCEPTED, OUTCOME, CANCELLED = "a run is accepted", "its outcome is there", "a waiting run is cancelled"
REQUESTS = (ACCEPTED, OUTCOME, CANCELLED)
ALONE, DISTURBED = "items, without requests", "items, with requests"


def requests(proxy: Any, when: str, samples: Samples) -> None:
    """Send one request of each kind, and keep how long each took."""
    began = perf_counter()
    handle = proxy.submit("one_task").get(timeout=RUN_SECONDS)
    accepted = perf_counter()
    handle.outcome.get(timeout=RUN_SECONDS)
    ended = perf_counter()
    waiting = proxy.submit("delayed").get(timeout=RUN_SECONDS)
    waits = perf_counter()
    proxy.cancel(waiting.id).get(timeout=RUN_SECONDS)
    cancelled = perf_counter()
    waiting.outcome.get(timeout=RUN_SECONDS)
    for name, seconds in zip(REQUESTS, (accepted - began, ended - began, cancelled - waits), strict=True):
        samples.setdefault(f"{name}, {when}", []).append(seconds)


def disturbed_fan_out(proxy: Any, items: int, samples: Samples) -> float:
    """Run a fan-out and send requests until it has ended. Return its seconds."""
    ended: list[float] = []
    began = perf_counter()
    handle = proxy.submit("plain_fan_out", {"items": list(range(items))}).get(timeout=RUN_SECONDS)

    def wait() -> None:
        handle.outcome.get(timeout=RUN_SECONDS)
        ended.append(perf_counter())

    waiting = threading.Thread(target=wait)
    waiting.start()
    while waiting.is_alive():
        requests(proxy, BUSY, samples)
        waiting.join(PAUSE_SECONDS)
    return ended[0] - began


def measure_rounds(proxy: Any, rounds: int, items: int) -> Samples:
    """Measure all cases in turn; the first round has no values."""
    samples: Samples = {}
    for _ in numbered(rounds):
        found: Samples = {}
        for _ in range(IDLE_REQUESTS):
            requests(proxy, IDLE, found)
            sleep(PAUSE_SECONDS / 10)
        began = perf_counter()
        run(proxy, "plain_fan_out", {"items": list(range(items))})
        found[ALONE] = [(perf_counter() - began) / items]
        found[DISTURBED] = [disturbed_fan_out(proxy, items, found) / items]
        if samples:
            for name, values in found.items():
                samples[name] += values
        else:
            samples = {name: [] for name in found}
    return samples


def measure(rounds: int, share: float) -> Samples:
    """Measure `measure_rounds` with a share of the items, as in a daemon."""
    with files() as made, engine(0, store=made.new()[SQLITE], store_key=made.key_file) as proxy:
        return as_a_daemon(proxy, lambda proxy: measure_rounds(proxy, rounds, round(ITEMS * share)))


def table(samples: Samples, share: float) -> Table:
    """Show `measure`."""
    made = Table(
        f"Requests during a fan-out of {round(ITEMS * share):,}, SQLite",
        ["", "idle, p50", "p99", "during it, p50", "p99", "ratio of p50", "of p99"],
        f"{len(samples[f'{ACCEPTED}, {BUSY}'])} requests of each kind during {len(samples[ALONE])} fan-outs. Without "
        f"requests the fan-out runs {figure(1 / median(samples[ALONE]))} items a second, with them "
        f"{figure(_share(samples))} times as many.",
    )
    for name in REQUESTS:
        figures = [percentile(samples[f"{name}, {when}"], percent) for when in (IDLE, BUSY) for percent in (50, 99)]
        ratios = [f"{_slower(samples, name, percent):.1f}" for percent in (50, 99)]
        made.add(name, *(f"{seconds * 1e3:.1f} ms" for seconds in figures), *ratios)
    return made


def targets(samples: Samples) -> dict[str, Measured]:
    """Compare the requests during the fan-out with those in the idle engine."""
    idle = f"idle {percentile(samples[f'{ACCEPTED}, {IDLE}'], 50) * 1e3:.1f} ms"
    return {
        "request, p50": Measured(_slower(samples, ACCEPTED, 50), idle),
        "request, p99": Measured(_slower(samples, ACCEPTED, 99)),
        "small run": Measured(_slower(samples, OUTCOME, 50)),
        "cancel": Measured(_slower(samples, CANCELLED, 50)),
        "disturbed items": Measured(_share(samples)),
    }


def _slower(samples: Samples, name: str, percent: int) -> float:
    return percentile(samples[f"{name}, {BUSY}"], percent) / percentile(samples[f"{name}, {IDLE}"], percent)


def _share(samples: Samples) -> float:
    return ratio(samples[ALONE], samples[DISTURBED])


if __name__ == "__main__":
    given = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    print("\n".join(table(in_fresh_process(measure, given, 1.0), 1.0).lines()))
