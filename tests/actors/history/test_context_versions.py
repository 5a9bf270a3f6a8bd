"""The versions of a run's context: which entry has set which names."""

import itertools

import pytest

from stretto.actors.history import bounded_replay, context_versions, list_versions
from stretto.actors.history.kept_reports import KeptReports
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from stretto.definitions.errors import LimitExceeded
from tests.actors.history.test_contexts import BRANCHED, TWO
from tests.support.conducted import Conducted
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]


def test_each_version_has_the_names_that_its_entry_has_set(store: Store) -> None:
    """The newest one first. The begin sets the variables. An end of one item of several sets nothing."""
    run = Conducted(store, TWO)
    run.succeed("one", result=1)
    run.succeed("two", 0)
    run.succeed("two", 1)
    found = list_versions(store.reader, run.id)
    assert [(each["version"], each["at"], sorted(each["names"])) for each in found["versions"]] == [
        (3, 2, ["tasks.two"]),
        (2, 0, ["tasks.one", "variables.seen"]),
        (1, -1, ["variables.seen"]),
    ]
    assert found["left_out"] == 0


def test_branches_have_versions_as_well(store: Store) -> None:
    """Their contexts are laid together."""
    run = Conducted(store, BRANCHED)
    run.succeed("a", result=2)
    assert "variables.x" in list_versions(store.reader, run.id)["versions"][0]["names"]


def test_only_the_newest_versions_are_listed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are counted."""
    monkeypatch.setattr(context_versions, "MAX_VERSIONS", 1)
    monkeypatch.setattr(context_versions, "MAX_VERSION_NAMES", 1)
    run = Conducted(store, TWO)
    run.succeed("one", result=1)
    found = list_versions(store.reader, run.id)
    assert ([each["version"] for each in found["versions"]], found["left_out"]) == ([2], 1)
    assert len(found["versions"][0]["names"]) == 1


def test_a_replay_has_its_limits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a context."""
    run = Conducted(store, TWO)
    run.succeed("one", result=1)
    with pytest.raises(UnknownRun):
        list_versions(store.reader, "none")
    run.succeed("two", 0)
    monkeypatch.setattr(bounded_replay, "READ_AT_ONCE", 1)
    ticks = itertools.count(0, 6)
    with pytest.raises(LimitExceeded, match="takes longer than 5 s"):
        list_versions(store.reader, run.id, clock=lambda: float(next(ticks)))


def test_a_long_replay_is_refused_for_who_does_not_wait_for_it(store: Store) -> None:
    """Unless its versions are kept."""
    run, kept = Conducted(store, TWO), KeptReports()
    run.succeed("one")
    with pytest.raises(LimitExceeded, match=r"at most 0 entries \(max_entries\), and it has 1"):
        list_versions(store.reader, run.id, 0, kept=kept)
    known = list_versions(store.reader, run.id, 1, kept=kept)
    assert known["versions"]
    assert list_versions(store.reader, run.id, 0, kept=kept) == known
