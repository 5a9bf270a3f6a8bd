"""Pages of a daemon with a large store: 100,000 runs in the list, and a run of 100,000 items."""

from pathlib import Path
from tempfile import TemporaryDirectory

from measure import Samples
from report import Measured, Table, timing

from tests.support.large_stores import TASK, record_list_and_fan_out
from tests.support.page_costs import Visitor, percentile_95, visitor_of

SIZE = 100_000
"""Of the list of runs, and of the items of one more run."""
TIMES = 100
LIST = {"all runs": "/", "of a status": "/?status=failed", "of somebody rare": "/?by=nobody", "a rare text": "/?q=zzzz"}
RUN = {"overview": "", "an item": f"?task={TASK}&item=4999", "failed items": f"?task={TASK}&state=failed",
       "timeline": "/timeline", "rerun": "/rerun"}  # fmt: skip
"""The pages by their names, and the end of each one's address."""


def _measure(visitor: Visitor, pages: dict[str, str], before: str, samples: Samples, times: int) -> None:
    for name, end in pages.items():
        costs = visitor.costs(f"{before}{end}", times)
        samples[name] = [each.wall for each in costs]
        samples[f"{name}, CPU"] = [each.cpu for each in costs]


def measure(share: float) -> Samples:
    """Open all pages; return the seconds until each answer, and the daemon's CPU seconds."""
    samples: Samples = {}
    times = round(TIMES * share)
    with (
        TemporaryDirectory() as folder,
        visitor_of(Path(folder), lambda store: record_list_and_fan_out(store, round(SIZE * share))) as (visitor, run),
    ):
        _measure(visitor, LIST, "", samples, times)
        _measure(visitor, RUN, f"/runs/{run}", samples, times)
    return samples


def table(samples: Samples, share: float) -> Table:
    """Show `measure`."""
    made = Table(
        f"Pages with {round(SIZE * share):,} stored runs, and of a run of {round(SIZE * share):,} items, SQLite",
        ["page", "answer", "95 of 100", "CPU", "95 of 100"],
        "One client on loopback, one connection that is kept; CPU of all threads of the daemon.",
    )
    for name in (*LIST, *RUN):
        wall, cpu = samples[name], samples[f"{name}, CPU"]
        made.add(name, timing(wall, "ms"), _p95(wall), timing(cpu, "ms"), _p95(cpu))
    return made


def targets(samples: Samples, share: float) -> dict[str, Measured]:
    """Say what CPU time 95 of 100 answers of both pages do not exceed."""
    return {
        key: Measured(
            1000 * percentile_95(samples[f"{name}, CPU"]),
            f"{_p95(samples[name])} until the answer; measured with {round(SIZE * share):,}",
        )
        for key, name in (("runs page", "all runs"), ("run page", "overview"))
    }


def _p95(values: list[float]) -> str:
    return f"{1000 * percentile_95(values):.1f} ms"
