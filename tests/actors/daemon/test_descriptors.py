"""The limit of file descriptors when the daemon starts."""

import resource
import subprocess
import sys

import pytest

from tests.support.waiting import PATIENCE

RAISE = """
import resource
from stretto.actors.daemon.descriptors import raise_descriptor_limit
from stretto.metrics import configure_logging
configure_logging("DEBUG", style="json")
raise_descriptor_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("soft", "raised"), [(100, True), (300, False)])
def test_the_soft_limit_is_raised_to_the_hard_one(soft: int, *, raised: bool) -> None:
    """The log has a line for it, unless there was nothing to raise."""
    done = subprocess.run(
        [sys.executable, "-c", RAISE], capture_output=True, text=True, check=True, timeout=PATIENCE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, 300)),
    )  # fmt: skip
    assert done.stdout == "300 300\n"
    assert ("descriptor_limit_raised" in done.stderr) is raised
