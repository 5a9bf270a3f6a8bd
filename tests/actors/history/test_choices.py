"""A misspelled status or outcome is refused with the nearest one: nothing has it."""

from typing import Any

import pytest

from stretto.actors.history.choices import UnknownStatus, checked_outcomes, checked_statuses
from stretto.actors.history.reports import list_items, list_runs
from stretto.actors.journal import OUTCOMES, STATUSES
from stretto.actors.journal.sql.store import Store
from tests.support.recording import acceptance


@pytest.mark.parametrize(
    ("given", "checked"),
    [(None, None), ([], None), ("failed", "failed"), (["failed", "paused", "failed"], ("failed", "paused"))],
)
def test_what_exists_is_kept_once(given: Any, checked: Any) -> None:
    """None, or an empty list, is no condition."""
    assert checked_statuses(given) == checked


def test_all_that_exist_can_be_asked_for() -> None:
    """Runs are never skipped, and items never paused."""
    assert checked_statuses(STATUSES) == STATUSES
    assert checked_outcomes(OUTCOMES) == OUTCOMES
    with pytest.raises(UnknownStatus, match="there is no status of runs 'skipped'"):
        checked_statuses("skipped")
    with pytest.raises(UnknownStatus, match="there is no outcome of items 'paused'"):
        checked_outcomes("paused")


def test_the_nearest_one_is_named_and_a_long_text_is_cut() -> None:
    """Without a near one, all are."""
    with pytest.raises(UnknownStatus, match=r"status of runs 'suceeded'; did you mean 'succeeded'\?"):
        checked_statuses(["failed", "suceeded"])
    with pytest.raises(UnknownStatus, match=r"'xxxx.*'; there are: cancelled, ") as refused:
        checked_statuses("x" * 1000)
    assert len(str(refused.value)) < 300


def test_the_reports_check_what_they_are_asked(store: Store) -> None:
    """Whoever asks: Python, a client, the command line with a store."""
    run = acceptance()
    store.writer.write([run])
    with pytest.raises(UnknownStatus):
        list_runs(store.reader, status="runing")
    with pytest.raises(UnknownStatus):
        list_items(store.reader, run.run_id, outcome=["succeeded", "timedout"])
