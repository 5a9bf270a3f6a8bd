"""Actions that run in processes of their own, for the tests of what they may do there."""

import ctypes
import logging
import os
from pathlib import Path
from typing import Any

from stretto.actors import ActionFailed, action

calls = 0


@action("isolated.echo", isolation="worker")
def echo(value: Any) -> Any:
    return value


@action("isolated.count", isolation="worker")
def count() -> dict[str, int]:
    global calls  # noqa: PLW0603 - what a process keeps between calls
    calls += 1
    return {"pid": os.getpid(), "calls": calls}


@action("isolated.alone", isolation="fresh")
def alone() -> dict[str, int]:
    return count()


@action("isolated.talk", isolation="worker")
def talk(text: str) -> None:
    print(text)  # noqa: T201 - what a function prints belongs to its item
    logging.getLogger("own").warning("%s, logged", text)


@action("isolated.fail", isolation="worker")
def fail() -> None:
    raise ActionFailed("it is Sunday", {"day": 7}, retry_after=3)


@action("isolated.raise", isolation="worker")
def raise_() -> None:
    raise ValueError("a value is odd")


@action("isolated.odd", isolation="worker")
def odd() -> Any:
    return {1, 2}


@action("isolated.exit", isolation="worker")
def exit_() -> None:
    os._exit(7)


@action("isolated.crash", isolation="worker")
def crash() -> None:
    ctypes.string_at(0)


@action("isolated.hang", isolation="worker")
def hang(told: str) -> None:
    with Path(told).open("w") as line:
        line.write("up\n")
    while True:
        pass
