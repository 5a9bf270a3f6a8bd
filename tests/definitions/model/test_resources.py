"""Resources of workers: what an item needs, and what is missing."""

import pytest

from stretto.definitions.model import Resources

THERE = Resources(cpus=2.0, gpus=0.5, memory=1_024, labels={"zone": "eu"})


@pytest.mark.parametrize(
    ("needs", "lacking"),
    [
        (Resources(), ""),
        (THERE, ""),
        (Resources(cpus=2.5), "cpus: 2.5 (it has 2)"),
        (Resources(gpus=1, memory=2_048), "gpus: 1 (it has 0.5), memory: 2048 (it has 1024)"),
        (Resources(memory=2 * 2**30), "memory: 2147483648 (it has 1024)"),
        (Resources(labels={"zone": "us"}), "zone=us (it has zone=eu)"),
        (Resources(labels={"disk": "fast"}), "disk=fast (it has no such label)"),
    ],
)
def test_needs_that_are_not_met_are_named_with_what_is_there(needs: Resources, lacking: str) -> None:
    """People then know which setting to change."""
    assert THERE.lacks(needs) == lacking
