"""Stretto's command on a machine whose clock is wrong by so many seconds.

python -m tests.support.wrong_clocks 3600 serve --store postgresql://...

Only the time of day is wrong. The monotonic clock of a machine cannot be set.
"""

import sys
import time


def set_clock(seconds: float) -> None:
    """Let the time of day of this process be wrong. Call it before Stretto is imported: it keeps the functions."""
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + int(seconds * 1e9)


def main() -> None:
    """Set the clock, and run the command."""
    set_clock(float(sys.argv.pop(1)))
    from stretto.actors.cli import main as command

    command()


if __name__ == "__main__":
    main()
