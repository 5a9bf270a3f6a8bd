"""Layouts that are kept."""

import pytest

from stretto.actors.gateway.http import graphs
from stretto.actors.gateway.http.graphs import Layouts
from stretto.definitions.dialects import read_workflow
from stretto.definitions.model import Workflow


def workflow(number: int) -> Workflow:
    tasks = "".join(f"  - {{name: t{each}, action: core.noop}}\n" for each in range(number))
    return read_workflow(f'ref: w{number}\nversion: "1"\ntasks:\n{tasks}', "w.yaml")


def test_a_layout_is_made_once_for_a_text() -> None:
    """Of another workflow object with the same text, too."""
    layouts = Layouts()
    assert layouts.of(workflow(3)) is layouts.of(workflow(3))
    assert layouts.of(workflow(4)) is not layouts.of(workflow(3))


def test_a_run_has_the_layout_of_its_workflow() -> None:
    """As long as it is kept."""
    layouts = Layouts()
    assert layouts.of_run("r") is None
    layout = layouts.of(workflow(3), "r")
    assert layouts.of_run("r") is layout


def test_the_layouts_used_least_recently_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of all is bounded. One that is too large itself is not kept. So is the number of known runs."""
    monkeypatch.setattr(graphs, "MAX_KEPT_SIZE", 10)
    monkeypatch.setattr(graphs, "MAX_KNOWN_RUNS", 2)
    layouts = Layouts()
    first, second = layouts.of(workflow(4), "r4"), layouts.of(workflow(5), "r5")
    assert layouts.of_run("r4") is first
    layouts.of(workflow(3))
    assert layouts.of_run("r4") is first
    assert layouts.of_run("r5") is None
    assert layouts.of(workflow(5)) is not second
    layouts.of(workflow(11), "r11")
    assert layouts.of_run("r11") is None
    assert layouts.of_run("r4") is None
