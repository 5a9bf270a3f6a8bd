"""The versions of a context, noted as a run goes on."""

import pytest

from stretto.actors.history.replay import conductor_of
from stretto.actors.journal import context_log
from stretto.actors.journal.context_log import BEGIN, ContextTracker
from stretto.definitions.conductor import ItemCompleted
from stretto.definitions.data import EMPTY_LIST
from stretto.definitions.dialects import read_workflow
from tests.support.recording import acceptance

CHAIN = """
version: "1.0.0"
ref: tests.chain
vars: {seen: null}
tasks:
  - {name: one, action: core.noop, next: [{publish: {seen: "{{ task.one.result }}"}, do: [two]}]}
  - {name: two, action: core.noop}
"""


def noted(through: int = context_log.NOTHING_STORED) -> ContextTracker:
    """Return the versions of a run that has ended one task."""
    tracker, conductor = ContextTracker(through), conductor_of(acceptance(workflow=read_workflow(CHAIN, "w.yaml")))
    conductor.begin()
    tracker.note(conductor, BEGIN)
    conductor.on(ItemCompleted("one", 1, 0, 1, "succeeded", EMPTY_LIST, None, 1001.0))
    tracker.note(conductor, 0)
    tracker.note(conductor, 1)  # nothing has changed
    return tracker


def test_a_version_has_the_names_that_it_has_set() -> None:
    """The begin sets the variables. An entry without news makes no version."""
    log = noted().take(None)
    assert log is not None
    assert log.last is None
    assert [(each.version, each.at, [name for name, _ in each.values]) for each in log.versions] == [
        (1, BEGIN, ["variables.seen"]),
        (2, 0, ["tasks.one", "variables.seen"]),
    ]


def test_there_is_news_once_and_at_the_end() -> None:
    """A turn without a version writes nothing."""
    tracker = noted()
    tracker.take(None)
    assert tracker.take(None) is None
    assert tracker.take(7) == context_log.ContextLog((), 7)


def test_stored_versions_are_counted_and_not_stored_again() -> None:
    """A recovered run continues behind them."""
    log = noted(BEGIN).take(None)
    assert log is not None
    assert [each.version for each in log.versions] == [2]


def test_too_many_versions_from_before_are_left_to_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a run is never marked as one whose versions are stored."""
    monkeypatch.setattr(context_log, "MAX_PENDING_VERSIONS", 1)
    assert noted().take(7) is None
