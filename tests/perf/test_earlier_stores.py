"""Durable fan-outs of an earlier revision beside those of this one."""

import os
from pathlib import Path

import earlier_stores
import pages
import pytest
from earlier import linked
from earlier_stores import BEFORE, HERE, LEASES, SHARED, fan_outs_of, table, targets
from process import processor_seconds_below
from stores import files

KINDS = ("both", "processor", "server", "seconds")


def test_an_engine_answers_with_the_seconds_of_an_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its own process, and of the server's."""
    monkeypatch.setattr(pages, "FIGURES", tmp_path)
    monkeypatch.setattr(earlier_stores, "ITEMS", 20)
    with files() as made, fan_outs_of(linked(), (f"sqlite:///{tmp_path}/a.db", made.key_file), "", os.getpid()) as ask:
        found = ask()
    assert found.keys() == set(KINDS)
    assert found["both"] == [found["processor"][0] + found["server"][0]]
    assert min(found["seconds"][0], found["processor"][0], found["server"][0]) > 0


def test_engines_are_compared_by_processor_time_with_that_of_the_server() -> None:
    """Each with the revision before."""
    samples = {f"{name}, {kind}": [1e-4] * 3 for name in LEASES for kind in KINDS}
    samples[f"{HERE}, both"] = [1.2e-4] * 3
    samples[f"{SHARED}, both"] = [1.5e-4] * 3
    found = targets(samples)
    assert [each.value for each in found.values()] == [pytest.approx(1.2), pytest.approx(1.5)]
    assert [row[0] for row in table(samples).rows] == [BEFORE, HERE, SHARED]


def test_the_processor_time_of_a_process_has_that_of_its_children() -> None:
    """Of those that run."""
    before = processor_seconds_below(os.getpid())
    sum(range(10**6))
    assert processor_seconds_below(os.getpid()) > before
