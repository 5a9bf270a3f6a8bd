"""Work for a profiler to look at: fan-outs over 0 MB, or runs of one task, one after the other.

py-spy record --gil --rate 500 --duration 10 --format raw --output FILE -- .venv/bin/python perf/load.py fan_out 12

A third argument is the URL of a store to record the runs in.
"""

import sys
from time import monotonic

from engines import engine, fan_out, run


def main(workflow: str, seconds: float, store: str | None = None) -> None:
    """Run a workflow again and again for so many seconds."""
    with engine(store=store) as proxy:
        end = monotonic() + seconds
        while monotonic() < end:
            if workflow.startswith("fan_out"):
                fan_out(proxy, 0, workflow=workflow)
            else:
                run(proxy, workflow)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), *sys.argv[3:])
