"""Actions that do wrong in their worker processes, for tests of what becomes of their items."""

import os
import signal
from typing import Any

from stretto.actors import action
from stretto.actors.workers.serving import line


def misbehave(how: str) -> Any:  # noqa: C901 - a case for each fault
    """Do what the word says."""
    match how:
        case "dies":
            os._exit(3)
        case "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "garbage":  # a frame of an impossible length
            os.write(line()._channel.fileno(), b"\xff" * 22)
        case "another's answer":
            os.write(line()._channel.fileno(), b"\x02" + bytes(5) + bytes(7) + b"\x01" + bytes(8))
        case "answers twice":
            line().answer(b"first", 0, 0)
        case "never answers":
            while True:
                pass
        case "eats memory":
            bytearray(8 << 30)
        case "no data":
            return {1, 2}
        case "too much":
            return "x" * 2_000_000
    return "good"


@action("faulty.kept", isolation="worker")
def kept(how: str) -> Any:
    return misbehave(how)


@action("faulty.fresh", isolation="fresh")
def fresh(how: str) -> Any:
    return misbehave(how)
