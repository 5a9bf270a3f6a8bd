"""A window is refilled in portions with pauses between them, and what comes of an event does not depend on them."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.definitions import read_workflow
from stretto.definitions.conductor import (
    Command,
    ConcurrencyRequested,
    Conductor,
    PauseRequested,
    ResumeRequested,
    StartItem,
)
from stretto.definitions.conductor import visit as visit_module
from stretto.definitions.conductor.visit import STARTS_A_PORTION
from stretto.definitions.model import bind
from tests.support.driving import as_data
from tests.support.replaying import Recording, Run, native_runs, orquesta_run, record, seeded, standing

ORQUESTA_RUNS = st.integers(1, 20_000).map(orquesta_run).filter(lambda run: run is not None)
RUNS: dict[str, st.SearchStrategy[Run]] = {"native": native_runs(), "orquesta": ORQUESTA_RUNS}  # type: ignore[dict-item]
ITEMS = 3 * STARTS_A_PORTION + 1
WIDE = """
version: "1.0.0"
parameters: {items: {type: array}, concurrency: {type: integer}}
tasks:
  - name: fan
    action: core.noop
    with_items: "{{ parameters.items }}"
    concurrency: "{{ parameters.concurrency }}"
"""


def wide(concurrency: int) -> Conductor:
    """Return a conductor, about to begin, of a fan-out with a large window."""
    workflow = read_workflow(WIDE, "wide.yaml")
    given = bind(workflow, {"items": list(range(ITEMS)), "concurrency": concurrency})
    conductor = Conductor(workflow, "run", given, 0.0)
    conductor.pauses = True
    return conductor


def portions(conductor: Conductor, commands: list[Command]) -> Iterator[list[Command]]:
    """Yield the commands of each part of an event, from the first ones on."""
    yield commands
    while conductor.unfinished:
        yield conductor.step()


def starts(commands: list[Command]) -> list[int]:
    """Return the items that are to be started."""
    return [each.index for each in commands if isinstance(each, StartItem)]


def test_a_begin_starts_a_portion_of_items_between_two_pauses() -> None:
    """All of them, in their order."""
    conductor = wide(ITEMS)
    parts = [starts(each) for each in portions(conductor, conductor.begin())]
    assert [len(each) for each in parts] == [STARTS_A_PORTION] * 3 + [1]
    assert [index for part in parts for index in part] == list(range(ITEMS))
    assert conductor.tasks()["fan"]["items"]["running"] == ITEMS


@pytest.mark.parametrize("paused", [False, True])
def test_a_window_that_grows_starts_a_portion_of_items_between_two_pauses(paused: bool) -> None:
    """When its concurrency is raised, and when the run is resumed with a concurrency that was raised meanwhile."""
    conductor = wide(1)
    assert starts(conductor.begin()) == [0]
    if paused:
        conductor.on(PauseRequested(1.0))
    commands = conductor.on(ConcurrencyRequested("fan", ITEMS, 2.0))
    if paused:
        assert (commands, conductor.unfinished) == ([], False)
        commands = conductor.on(ResumeRequested(3.0))
    parts = [starts(each) for each in portions(conductor, commands)]
    assert max(map(len, parts)) == STARTS_A_PORTION
    assert [index for part in parts for index in part] == list(range(1, ITEMS))


def test_a_window_of_a_portion_is_refilled_without_a_pause() -> None:
    """As nearly all windows are."""
    conductor = wide(STARTS_A_PORTION)
    assert len(starts(conductor.begin())) == STARTS_A_PORTION
    assert not conductor.unfinished


def turns_in_portions(recording: Recording) -> Iterator[tuple[Conductor, list[Command]]]:
    """Feed what was recorded to a conductor that pauses; yield the commands of its begin and of each event."""
    conductor = recording.run.conductor()
    conductor.pauses = True
    commands = conductor.begin()
    for entry in recording.entries:
        if isinstance(entry, tuple):
            conductor.mask.see(entry)
            continue
        yield conductor, [each for part in portions(conductor, commands) for each in part]
        commands = conductor.on(entry)
    yield conductor, [each for part in portions(conductor, commands) for each in part]


@pytest.mark.parametrize("dialect", RUNS)
@given(data=st.data(), seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_portions_of_one_item_replay_to_the_same(dialect: str, data: st.DataObject, seed: int) -> None:
    """A run that was recorded without pauses gets the same commands, and stands the same after each event."""
    run = data.draw(RUNS[dialect], label="run")
    recording = record(run, seeded(run, seed))
    with mock.patch.object(visit_module, "STARTS_A_PORTION", 1):
        for turn, (conductor, commands) in zip(recording.turns, turns_in_portions(recording), strict=True):
            # Items of several tasks may be started in another order.
            assert _sorted([as_data(each) for each in commands]) == _sorted(turn.commands)
            assert standing(conductor) == turn.standing


def _sorted(commands: list[Any]) -> list[Any]:
    return sorted(commands, key=repr)
