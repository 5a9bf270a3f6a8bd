"""The order in which records leave the backlog."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.dispatch import Deferred
from stretto.actors.journal.backlog import MAX_BATCH_ENTRIES, PORTION_ENTRIES, Backlog
from stretto.actors.journal.messages import Record


def quiet(family: str, entries: int = 1) -> Record:
    """Return a record that no one waits for."""
    return Record(None, entries, family=family)


def awaited(family: str | None, entries: int = 1) -> Record:
    """Return a record that someone waits for."""
    return Record(None, entries, answers=((Deferred(), None),), family=family)


def backlog_of(*records: Record) -> Backlog:
    backlog = Backlog()
    for record in records:
        backlog.add(record)
    return backlog


def families(records: Iterable[Record]) -> list[str | None]:
    """Return the families of records, each once, in their order."""
    return list(dict.fromkeys(record.family for record in records))


def test_an_awaited_record_overtakes_a_large_run() -> None:
    """It is the only one that is taken: its commit takes no longer than without the large run."""
    large = [quiet("large", 64) for _ in range(128)]
    request = awaited("small")
    backlog = backlog_of(*large, request)
    assert backlog.take() == [request]
    assert backlog.entries == 128 * 64


def test_requests_that_come_all_the_time_do_not_stop_a_large_run() -> None:
    """Every other time a portion of it is taken, too."""
    backlog = backlog_of(*(quiet("large", 64) for _ in range(128)))
    taken: list[Record] = []
    for _ in range(20):
        backlog.add(awaited("small"))
        taken += backlog.take()
    assert sum(record.entries for record in taken if record.family == "large") == 10 * PORTION_ENTRIES


def test_large_runs_have_their_turns() -> None:
    """A portion of each, also if only one of them was there first."""
    backlog = backlog_of(*(quiet(family, 64) for family in "aaaaaaaaaaaabbbbbbbbbbbb"))
    assert [families(backlog.take()) for _ in range(4)] == [["a"], ["b"], ["a"], ["b"]]


def test_the_records_of_a_family_keep_their_order() -> None:
    """An awaited record is behind the earlier ones of its own run, a portion at a time."""
    records = [*(quiet("run", PORTION_ENTRIES // 4) for _ in range(5)), awaited("run")]
    backlog = backlog_of(*records, quiet("other"))
    assert backlog.take() == records[:4]
    assert backlog.is_awaited
    assert backlog.take() == [*records[4:], quiet("other")]
    assert not backlog.is_awaited


def test_what_many_runs_wait_for_is_one_batch() -> None:
    """Group commit: as many as a transaction may have, in the order of their first awaited records."""
    records = [awaited(str(number)) for number in range(MAX_BATCH_ENTRIES + 10)]
    backlog = backlog_of(*records)
    assert backlog.take() == records[:MAX_BATCH_ENTRIES]
    assert backlog.take() == records[MAX_BATCH_ENTRIES:]
    assert not backlog


def test_a_record_of_no_family_is_behind_all_others() -> None:
    """It takes all of them along."""
    records = [*(quiet("large", 64) for _ in range(128)), quiet("small"), awaited(None)]
    assert backlog_of(*records).take() == records


@pytest.mark.parametrize("count", [0, 3])
def test_it_counts_what_was_awaited_since_the_beginning(count: int) -> None:
    """Also what is taken already."""
    backlog = backlog_of(quiet("a"), *(awaited("b") for _ in range(count)))
    backlog.take()
    assert backlog.awaited == count


RECORDS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 300), st.booleans()), max_size=40)


@given(portions=st.lists(RECORDS, max_size=8))
def test_nothing_is_lost_and_no_family_changes_its_order(portions: list[list[tuple[str, int, bool]]]) -> None:
    """However records come and are taken; and no family waits forever."""
    backlog, added, taken = Backlog(), list[Record](), list[Record]()
    for portion in portions:
        for family, entries, waits in portion:
            added.append(awaited(family, entries) if waits else quiet(family, entries))
            backlog.add(added[-1])
        taken += backlog.take()
    for _ in range(2 * len(added)):
        taken += backlog.take()
    assert not backlog
    assert not backlog.is_awaited
    assert backlog.entries == 0
    for family in "abc":
        assert [id(each) for each in taken if each.family == family] == [
            id(each) for each in added if each.family == family
        ]
