"""Work for a profiler to look at: fan-outs over 0 MB, or runs of one task, one after the other.

py-spy record --gil --rate 500 --duration 10 --format raw --output FILE -- .venv/bin/python perf/load.py fan_out 12
"""

import sys
from time import monotonic

from engines import engine, fan_out, run


def main(workflow: str, seconds: float) -> None:
    """Run a workflow again and again for so many seconds."""
    with engine() as proxy:
        end = monotonic() + seconds
        while monotonic() < end:
            if workflow.startswith("fan_out"):
                fan_out(proxy, 0, workflow=workflow)
            else:
                run(proxy, workflow)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
