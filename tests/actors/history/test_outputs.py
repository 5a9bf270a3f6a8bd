"""The outputs of ended items of stored runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.actors.history import ended_output, reports
from stretto.actors.history.masks import SEALED
from stretto.actors.journal import KeptOutput, Store, open_store
from stretto.actors.journal.encryption import Keyring, new_key
from stretto.actors.runs.item_output import ItemNotInFlight
from tests.support.conducted import Conducted
from tests.support.recording import happening
from tests.support.stores import KEYRING

TASKS = "parameters: {word: {secret: true}}\ntasks: [{name: t, action: core.noop, with_items: [1, 2]}]\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db", KEYRING) as opened:
        yield opened


def test_an_ended_item_has_its_text(store: Store) -> None:
    """Masked once more, because secrets may have become known since."""
    run = Conducted(store, TASKS, {"word": "hunter2"})
    run.succeed("t", 0)
    kept = KeptOutput("t", 1, 0, 1, "succeeded", "it is hunter2", 13, 7)
    store.writer.write([happening(run.id, first=2, outputs=(kept,), max_output_bytes=100, secret=True)])
    assert ended_output(run.id, "t", 0, ItemNotInFlight("no"), store.reader) == {
        "task": "t", "visit": 1, "index": 0, "attempt": 1, "outcome": "succeeded", "stdout": "it is ******",
        "stderr": "", "truncated": True, "cut": 7,
    }  # fmt: skip


def test_an_item_that_has_not_ended_raises_the_callers_error(store: Store) -> None:
    """The supervisor knows more about it."""
    run = Conducted(store, TASKS, {"word": "hunter2"})
    with pytest.raises(ItemNotInFlight, match="it waits"):
        ended_output(run.id, "t", 1, ItemNotInFlight("it waits"), store.reader)


def test_a_text_without_its_key_is_sealed(store: Store) -> None:
    """As all values are."""
    run = Conducted(store, TASKS, {"word": "hunter2"})
    run.succeed("t", 0)
    kept = KeptOutput("t", 1, 0, 1, "succeeded", "it is", 5, 0)
    store.writer.write([happening(run.id, first=2, outputs=(kept,), max_output_bytes=100, secret=True)])
    store.reader._keyring = Keyring([new_key()])
    assert reports.item_output(store.reader, run.id, "t", 0)["stdout"] == SEALED


def test_each_ended_attempt_has_its_output(store: Store) -> None:
    """The text that it has printed, or what its process has written; one that has not ended is refused."""
    retried = TASKS.replace("with_items: [1, 2]", "with_items: [1], retry: {count: 1, delay: 60}")
    run = Conducted(store, retried, {"word": "hunter2"})
    run.fail("t", 0, "first")
    (timer,) = run.conductor.timers()
    run.on(timer.then)
    run.succeed("t", 0, {"stdout": "second", "stderr": ""})
    kept = KeptOutput("t", 1, 0, 1, "failed", "it is hunter2", 13, 0)
    store.writer.write([happening(run.id, first=9, outputs=(kept,), max_output_bytes=100, secret=True)])
    found = [reports.item_output(store.reader, run.id, "t", 0, attempt) for attempt in (1, 2, None)]
    assert [(each["attempt"], each["outcome"], each["stdout"]) for each in found] == [
        (1, "failed", "it is ******"), (2, "succeeded", "second"), (2, "succeeded", "second"),
    ]  # fmt: skip
    with pytest.raises(reports.UnknownItem, match="no attempt 3 of item 0 of the task 't' has ended"):
        reports.item_output(store.reader, run.id, "t", 0, 3)
