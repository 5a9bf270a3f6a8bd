"""The action of `make demo-ray`. The workers on Ray read this file, and the daemon knows the action by announcement."""

import os
import time

from stretto.actors import action


@action("demo.check")
def check(number: int, log: str) -> dict[str, int]:
    """Take 20 ms, note the number in a file, and return it with the worker's process."""
    time.sleep(0.02)
    with open(log, "a", encoding="ascii") as file:  # noqa: PTH123 - one write call a line, so that none is torn
        file.write(f"{number}\n")
    return {"number": number, "process": os.getpid()}
