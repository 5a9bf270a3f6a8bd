"""The printed texts of attempts in a store: rows of their own, bounded for each run."""

from typing import Any

import pytest

from stretto.actors.journal import KeptOutput
from stretto.actors.journal.encryption import WrongStoreKey
from stretto.actors.journal.records import Ending
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import ItemRow, Prune, Unrecordable
from stretto.definitions.data.frozen import EMPTY_LIST
from tests.support.recording import acceptance, completed, failed, happening
from tests.support.stores import KEYRING, everything_in, rows_of, store, store_url

__all__ = ["store", "store_url"]

MOST = 160


def output(index: int, written: str, outcome: str = "succeeded") -> KeptOutput:
    return KeptOutput("probe", 1, index, 1, outcome, written, len(written.encode()), 0)


class Printing:
    """A run in a store whose items print."""

    def __init__(self, store: Store, **given: Any) -> None:
        self.store = store
        self.run = acceptance(**given)
        self.items = 0
        store.writer.write([self.run])

    def end(self, *outputs: KeptOutput) -> None:
        """Write that items end that have printed this."""
        ends = [(completed if each.outcome == "succeeded" else failed)(each.index) for each in outputs]
        record = happening(
            self.run.run_id, *ends, first=self.items, outputs=outputs, max_output_bytes=MOST, secret=self.run.secret
        )
        self.items += len(ends)
        self.store.writer.write([record])

    def kept(self, index: int) -> KeptOutput | None:
        """Return what is kept of an item."""
        return self.store.reader.output(self.run.run_id, self.attempt(index))

    def attempt(self, index: int) -> ItemRow:
        row = self.store.reader.last_attempt(self.run.run_id, "probe", index)
        assert row is not None
        return row


@pytest.mark.parametrize("written", ["plain\n", "!not: encrypted", "é\0\x1b[1m\"'"])
def test_what_an_attempt_printed_is_read_again(store: Store, written: str) -> None:
    """Whatever characters it has; an attempt that printed nothing has no row."""
    printing = Printing(store)
    printing.end(output(0, written))
    assert printing.kept(0) == output(0, written)
    store.writer.write([happening(printing.run.run_id, completed(1), first=1)])
    assert printing.kept(1) is None
    assert rows_of(store, "item_outputs") == 1


def test_texts_of_a_run_with_secrets_are_encrypted(store: Store) -> None:
    """As all of its bodies."""
    printing = Printing(store, secret=True)
    printing.end(output(0, "nearly the password"))
    assert printing.kept(0) == output(0, "nearly the password")
    assert b"nearly" not in everything_in(store)
    store.reader._keyring = type(KEYRING)(["A" * 43 + "="])
    with pytest.raises(WrongStoreKey):
        printing.kept(0)


def test_failed_attempts_have_the_room_of_succeeded_ones(store: Store) -> None:
    """The oldest by their ends make room; what is not kept leaves its size."""
    printing = Printing(store)
    for index in (2, 0, 1):
        printing.end(output(index, str(index) * 50))
    printing.end(output(3, "no" * 30, "failed"))
    assert printing.kept(2) == KeptOutput("probe", 1, 2, 1, "succeeded", "", 0, 50)
    assert printing.kept(0) == output(0, "0" * 50)
    printing.end(output(4, "late"))
    assert printing.kept(4) == KeptOutput("probe", 1, 4, 1, "succeeded", "", 0, 4)
    printing.end(output(5, "n" * 90, "failed"))
    assert [kept.size for kept in map(printing.kept, range(6)) if kept is not None] == [0, 0, 0, 60, 0, 90]
    printing.end(output(6, "n" * 11, "failed"))
    assert printing.kept(6) == KeptOutput("probe", 1, 6, 1, "failed", "", 0, 11)
    printing.end(output(7, "n" * 10))
    assert printing.kept(7) == output(7, "n" * 10)


def test_texts_of_one_record_make_room_for_each_other(store: Store) -> None:
    """They are written in the order of the ends."""
    printing = Printing(store)
    printing.end(output(0, "a" * 100), output(1, "b" * 60), output(2, "c" * 80, "failed"))
    assert [kept.size for kept in map(printing.kept, range(3)) if kept is not None] == [0, 60, 80]


def test_a_transaction_that_fails_takes_no_room(store: Store) -> None:
    """The next one has what was there before."""
    printing = Printing(store)
    printing.end(output(0, "a" * 100))
    broken = happening("nobody", completed(0), outputs=(output(0, "x"),), max_output_bytes=MOST)
    whole = happening(printing.run.run_id, completed(1), first=1, outputs=(output(1, "b" * 60),), max_output_bytes=MOST)
    with pytest.raises(Unrecordable, match="nobody"):
        store.writer.write([whole], [[broken]])
    printing.end(output(1, "b" * 60))
    assert printing.kept(1) == output(1, "b" * 60)


def test_texts_are_deleted_with_their_run(store: Store) -> None:
    """They have no retention of their own."""
    printing = Printing(store)
    printing.end(output(0, "gone"))
    store.writer.write([happening(printing.run.run_id, first=1, ending=Ending("succeeded", None, EMPTY_LIST, 2.0))])
    assert store.pruning(Prune(keep=0)).prune_all() == 1
    assert rows_of(store, "item_outputs") == 0


def test_the_sizes_are_read_again_by_another_writer(store: Store) -> None:
    """What a run has printed counts after a restart."""
    printing = Printing(store)
    printing.end(output(0, "a" * 100))
    store.writer._outputs.forget()
    printing.end(output(1, "b" * 61))
    assert [kept.size for kept in map(printing.kept, range(2)) if kept is not None] == [100, 0]
