# ruff: noqa: T201 - these actions print
"""Actions that print and log."""

import asyncio
import logging
import threading
from pathlib import Path

from stretto.actors import action


@action("say.plain")
def plain(text: str, tell: str = "", go: str = "", fail: bool = False) -> str:
    """Print a text; with `tell`, say so there, wait for `go`, and print more."""
    print(text)
    if tell:
        with Path(tell).open("w") as fifo:
            fifo.write("here\n")
        with Path(go).open() as fifo:
            fifo.readline()
        print("more")
    logging.getLogger("say").warning("logged")
    if fail:
        raise ValueError("no")
    return text


@action("say.often")
async def often(text: str, times: int) -> None:
    """Print a text so often, in steps of the loop."""
    for number in range(times):
        print(text, number)
        await asyncio.sleep(0)


@action("say.aside")
def aside() -> None:
    """Print on a thread of its own, then on that of the call."""
    thread = threading.Thread(target=print, args=("aside",))
    thread.start()
    thread.join()
    print("inside")
