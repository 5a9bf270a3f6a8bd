"""A forked child leaves the event loop of its parent alone; robustness/test_forking.py tests it in the daemon."""

import subprocess
import sys

from tests.support.harness import PATIENCE

FORKS = """
import asyncio, os
from stretto.actors.process import ProtectedLoop

protected = ProtectedLoop()
loop = protected.loop
children = []

def tell(what):
    print(what, "in the parent" if os.getpid() == parent else "in the child", flush=True)

def fork():
    loop.call_soon(tell, "ready")
    loop.call_later(0, tell, "timer")
    children.append(os.fork())
    if children[-1]:
        code = os.waitstatus_to_exitcode(os.waitpid(children[-1], 0)[1])
        loop.call_later(0, loop.stop)
        tell(f"child {code}")

parent = os.getpid()
loop.call_soon(fork)
FOLLOWS
try:
    with protected.protected():
        loop.run_forever()
except (IndexError, OSError):
    os._exit(3 if os.getpid() != parent else 4)
protected.close()
tell(f"closed {loop.is_closed()}")
"""
"""FOLLOWS: what is called in the same turn of the loop as the fork."""


def told(follows: str) -> list[str]:
    """Run the script, and return its lines."""
    command = [sys.executable, "-c", FORKS.replace("FOLLOWS", follows)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout.splitlines()


def test_a_child_leaves_the_loop_when_it_would_poll() -> None:
    """It cannot poll the events of its parent. The parent goes on, and calls everything once."""
    assert told("") == [f"{what} in the parent" for what in ("child 3", "ready", "timer", "closed True")]


def test_a_child_calls_nothing_more_of_the_same_turn() -> None:
    """What was to follow on the fork is called by the parent alone."""
    expected = [f"{what} in the parent" for what in ("child 3", "next", "ready", "timer", "closed True")]
    assert told("loop.call_soon(tell, 'next')") == expected
