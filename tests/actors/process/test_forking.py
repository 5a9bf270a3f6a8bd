"""Descriptors that a forked child does not keep. robustness/test_forking.py tests it in the daemon."""

import subprocess
import sys

from tests.support.harness import PATIENCE

FORKS = """
import os
from stretto.actors.process import give_back_all, withhold, withhold_all

kept, alone, first, second, returned = [os.pipe()[1] for _ in range(5)]
group = {first: "its owner"}
file = os.fdopen(alone, "wb")
withhold(file)
withhold_all(group)
group[second] = "an owner that came later"
other = {returned}
withhold_all(other)
give_back_all(other)

def pipes():
    return [os.readlink(f"/proc/self/fd/{each}").startswith("pipe:") for each in (kept, alone, first, second, returned)]

child = os.fork()
if child == 0:
    print(pipes(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(pipes())
"""


def test_a_child_has_no_withheld_descriptor() -> None:
    """It has others, and its parent has all. A group is as it is when the child is forked."""
    lines = subprocess.run(
        [sys.executable, "-c", FORKS], capture_output=True, text=True, check=True, timeout=PATIENCE
    ).stdout.splitlines()
    assert lines == ["[True, False, False, False, True]", "[True, True, True, True, True]"]
