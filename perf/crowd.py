"""Many runs at once: what their number costs, and whether a late small run waits for large ones to end."""

from time import perf_counter
from typing import Any

from engines import ITEMS, RUN_SECONDS, engine
from measure import Case, Samples, interleave, median, steadily
from report import Measured, Table, figure, timing
from targets import of_ratio

RUNS, ITEMS_A_RUN = 1_000, 10
CROWD, LATE_ITEMS = 20, 10
MANY, ONE = f"{RUNS:,} runs of {ITEMS_A_RUN} items, submitted at once", f"one run of {ITEMS:,} items"


def runs_at_once(proxy: Any, runs: int, items: int) -> Case:
    """Submit so many runs, and wait for all outcomes; the time is an item's."""
    given = list(range(items))

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            handles = [proxy.submit("plain_fan_out", {"items": given}) for _ in range(runs)]
            for handle in handles:
                outcome = handle.get(timeout=RUN_SECONDS).outcome.get(timeout=RUN_SECONDS)
                assert outcome.output == {"count": items}, outcome
        return (perf_counter() - began) / (runs * items)

    return case


def measure_many(rounds: int) -> Samples:
    """Measure many small runs in turn with a large one."""
    with engine() as proxy:
        # The one run is half as long. The median of five is as steady as the many runs.
        cases = {MANY: runs_at_once(proxy, RUNS, ITEMS_A_RUN), ONE: steadily(runs_at_once(proxy, 1, ITEMS), 5)}
        return interleave(cases, rounds, dict.fromkeys(cases, 1))


def measure_latecomer(crowd_items: int) -> dict[str, list[float]]:
    """Submit a crowd of large runs, and then a small one; return moments, in seconds since the first submit.

    `crowd`: when each of the large runs had performed its items. `late`: when the small run was submitted, when each
    of its items was performed, and when it was over.
    """
    with engine() as proxy:
        given, late_given = list(range(crowd_items)), list(range(LATE_ITEMS))
        began = perf_counter()
        crowd = [proxy.submit("crowd", {"items": given}) for _ in range(CROWD)]
        submitted = perf_counter()
        outcome = proxy.submit("latecomer", {"items": late_given}).get().outcome.get(timeout=RUN_SECONDS)
        late = [submitted, *outcome.output["performed"], perf_counter()]
        ends = [each.get().outcome.get(timeout=RUN_SECONDS).output["ended"] for each in crowd]
    return {"crowd": [end - began for end in ends], "late": [moment - began for moment in late]}


def many_table(samples: Samples) -> Table:
    """Show `measure_many`."""
    table = Table("Many runs at once", ["", "an item", "items a second", "ratio"], "No store, core.echo.")
    for name in (ONE, MANY):
        values = samples[name]
        table.add(name, timing(values, "us"), figure(1 / median(values)), _share(samples[ONE], values))
    return table


def many_target(samples: Samples) -> Measured:
    """Compare the items a second of many runs with those of one."""
    return of_ratio(samples[ONE], samples[MANY])


def _share(one: list[float], many: list[float]) -> str:
    """Return the items a second of `many`, of those of `one`, with the deviation: `0.41 ±4%`."""
    share = of_ratio(one, many)
    assert share.value is not None
    return f"{figure(share.value)} ±{share.spread or 0.0:.0%}"


def latecomer_table(moments: dict[str, list[float]], crowd_items: int) -> Table:
    """Show `measure_latecomer`."""
    crowd, (submitted, *performed, over) = sorted(moments["crowd"]), moments["late"]
    first, last = min(performed), crowd[-1]
    table = Table(
        f"{CROWD} runs of {crowd_items:,} items, and then one of {LATE_ITEMS}",
        ["", "after the first submit", "of the whole"],
        f"When the late run's first item was performed, {_ended_before(moments)} of the {CROWD} others had ended; it "
        f"had waited {first - submitted:.3g} s, {(first - submitted) / last:.1%} of the whole time.",
    )
    for name, moment in (
        ("the late run is submitted", submitted),
        ("its first item is performed", first),
        ("its outcome is there", over),
        ("the first of the others has ended", crowd[0]),
        ("the last of the others has ended", last),
    ):
        table.add(name, f"{moment:.3f} s", f"{moment / last:.1%}")
    return table


def latecomer_target(moments: dict[str, list[float]]) -> Measured:
    """Count the runs that had ended when the late run's first item was performed."""
    submitted, *performed, _ = moments["late"]
    waited = (min(performed) - submitted) / max(moments["crowd"])
    return Measured(_ended_before(moments), f"its first item waited {waited:.1%} of the whole time")


def _ended_before(moments: dict[str, list[float]]) -> int:
    first = min(moments["late"][1:-1])
    return sum(end <= first for end in moments["crowd"])
