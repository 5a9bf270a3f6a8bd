"""When runs end at the latest, and who has cancelled them."""

import pytest

from stretto.actors.history import reports
from stretto.actors.history.run_ends import MOST_ENTRIES_BEHIND, cancel_of
from stretto.actors.journal import time_as_json
from stretto.actors.journal.sql.store import Store
from stretto.definitions.conductor import CancelRequested, ConcurrencyRequested
from tests.support.conducted import Conducted
from tests.support.recording import acceptance, happening
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

TASKS = "tasks: [{name: only, action: core.noop}]\n"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("", None),
        ("timeout: 60\n", 60),
        ("deadline: 90\n", 90),
        ("deadline: {seconds: 90, policy: cancel}\n", 90),
        ("deadline: {seconds: 90, policy: warn}\n", 90),
        ("timeout: 60\ndeadline: 90\n", 60),
        ("timeout: 60\ndeadline: 30\n", 30),
        ("timeout: 60\ndeadline: {seconds: 30, policy: warn}\n", 60),
        ("warn_after: 30\n", None),
    ],
)
def test_a_run_shows_when_it_ends_at_the_latest(store: Store, given: str, seconds: int | None) -> None:
    """By its timeout or its deadline. One that only warns does not hide the other."""
    run = Conducted(store, f"ref: tests.one\n{given}{TASKS}", at=1000.0)
    shown = reports.show_run(store.reader, run.id)["deadline"]
    assert shown == (None if seconds is None else time_as_json(1000.0 + seconds))


def test_a_run_shows_who_has_cancelled_it(store: Store) -> None:
    """The first one; or that its deadline has."""
    for entry, shown in (
        (CancelRequested(1001.0, "mira"), {"by": "mira", "late": False}),
        (CancelRequested(1001.0, late=True), {"by": None, "late": True}),
        (CancelRequested(1001.0), {"by": None, "late": False}),
    ):
        new = acceptance()
        again = CancelRequested(1002.0, "noor")
        store.writer.write([new, happening(new.run_id, entry, again, status="cancelling")])
        found = reports.show_run(store.reader, new.run_id)["cancelled"]
        assert found == {"at": "1970-01-01T00:16:41.000000Z", **shown}
        entries = reports.export_run(store.reader, new.run_id)["entries"]
        assert entries[0] == {
            "number": 0, "type": "cancel_requested", "at": "1970-01-01T00:16:41.000000Z",
            **{name: value for name, value in shown.items() if value},
        }  # fmt: skip


def test_only_a_cancelled_run_is_searched_and_only_its_last_entries(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many entries it has."""
    assert MOST_ENTRIES_BEHIND > 1024, "the items in flight"
    monkeypatch.setattr("stretto.actors.history.run_ends.MOST_ENTRIES_BEHIND", 2)
    mira, others = CancelRequested(1001.0, "mira"), [ConcurrencyRequested("probe", 2, 1002.0)] * 2
    for number, status in ((2, "cancelling"), (3, "cancelling"), (2, "running")):
        new = acceptance()
        store.writer.write([new, happening(new.run_id, mira, *others[: number - 1], status=status)])
        row = store.reader.run(new.run_id)
        assert row is not None
        assert (cancel_of(store.reader, row) is not None) == ((number, status) == (2, "cancelling"))
