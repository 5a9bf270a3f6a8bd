"""Replaying a run's entries: whatever a run has been through, they tell all of it."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.actors import Outcome
from stretto.actors.history.replay import READ_AT_ONCE, Replay, conductor_of, outcome_for_parent, replay
from stretto.actors.history.reports import status_of
from stretto.actors.journal.encryption import WrongStoreKey
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Ending, Entry, ItemKey, ItemStarted, SecretsLearned, UnreadableRecord
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import Child, Reader, StoreUnavailable
from stretto.actors.outcome import UnknownRun, failed_with
from stretto.definitions.conductor import (
    CancelRequested,
    IllegalTransition,
    PauseRequested,
    ResumeRequested,
    StartItem,
)
from stretto.definitions.context.masking import MASK
from stretto.definitions.data.frozen import EMPTY_LIST
from stretto.definitions.dialects import read_workflow
from tests.support.conducted import Conducted
from tests.support.drawn_workflows import workflows, write_child
from tests.support.engines import Bench, outcome_of
from tests.support.examples import examples
from tests.support.recording import acceptance, completed, data, failed, happening
from tests.support.waiting import PATIENCE


def test_what_a_run_has_been_through_replays_to_what_came_of_it(
    start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """Of any run that an engine has performed: its outcome, its tasks, and how both stand in the store."""
    write_child(tmp_path)
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db", definitions=tmp_path)
    readers = bench.proxy.host.services().get(timeout=PATIENCE).readers

    @given(text=workflows(), requests=st.lists(st.sampled_from(["pause", "resume", "cancel"]), max_size=2))
    @settings(deadline=None, max_examples=examples(60))
    def check(text: str, requests: list[str]) -> None:
        run = bench.proxy.submit(read_workflow(text, "law.yaml")).get(timeout=PATIENCE)
        for request in (*requests, "resume"):
            with contextlib.suppress(IllegalTransition):  # it comes when it comes: the run may have ended
                getattr(bench.proxy, request)(run.id).get(timeout=PATIENCE)
        live = outcome_of(run)
        status = bench.proxy.status(run.id).get(timeout=PATIENCE)

        def look(reader: Reader) -> None:
            accepted = reader.accepted(run.id)
            assert accepted is not None
            conductor, replayed = replay(reader, accepted)
            finish = replayed.finish
            assert finish is not None
            assert Outcome(finish.status, finish.output, finish.errors) == live
            assert outcome_for_parent(reader, run.id) == live
            assert conductor.tasks() == status["tasks"]
            assert status_of(reader, run.id) == status
            end, row = reader.end(run.id), reader.run(run.id)
            assert end is not None
            assert row is not None
            assert (row.status, end.output, end.errors) == (live.status, live.output, live.errors)

        shown: list[BaseException | None] = []
        done = threading.Event()

        def then(error: BaseException | None = None) -> None:
            shown.append(error)
            done.set()

        readers.read(look, lambda _value: then(), then)
        assert done.wait(PATIENCE)
        if shown[0] is not None:
            raise shown[0]

    check()


FAN = """
ref: tests.fan
tasks:
  - {name: fan, action: core.noop, with_items: [a, b, c], concurrency: 3, retry: {count: 1, delay: 0}}
  - {name: other, action: core.noop}
output_map: {all: "{{ task.fan.result }}"}
"""


def begun(text: str = FAN, children: tuple[Child, ...] = ()) -> tuple[Replay, dict[int, StartItem]]:
    """Return a run that is being rebuilt, with what it starts of its fan-out by the items' indexes."""
    conductor = conductor_of(acceptance(workflow=read_workflow(f'version: "1.0.0"\n{text}', "fan.yaml")))
    replayed = Replay(conductor, 1000.0, children)
    replayed.feed([])
    return replayed, {start.index: start for start in conductor.outstanding() if start.task == "fan"}


def test_a_try_is_known_by_the_run_that_performs_it() -> None:
    """Another try of the same item is not."""
    child = Child("child", ItemKey("fan", 1, 1), 1, 1001.0)
    replayed, starts = begun(children=(child,))
    assert replayed.child_of(starts[1]) == child
    assert replayed.child_of(starts[0]) is None
    second = StartItem("fan", 1, 1, 2, starts[1].scope, None, 1002.0)
    assert replayed.child_of(second) is None


def test_a_try_may_have_run_from_its_start_to_its_end() -> None:
    """As far as its start was written."""
    replayed, starts = begun()
    replayed.feed([ItemStarted("fan", 1, 0, 1, 1001.0), ItemStarted("fan", 1, 1, 1, 1001.0)])
    assert [replayed.may_have_run(starts[index]) for index in range(3)] == [True, True, False]
    replayed.feed([completed(0, task="fan")])
    assert [replayed.may_have_run(starts[index]) for index in range(3)] == [False, True, False]
    assert replayed.entries == 3


@pytest.mark.parametrize(
    ("entries", "requested"),
    [
        ([], None),
        ([completed(0, task="fan")], None),
        ([PauseRequested(1001.0)], PauseRequested(1001.0)),
        ([PauseRequested(1001.0), completed(0, task="fan"), ResumeRequested(1002.0)], ResumeRequested(1002.0)),
        ([PauseRequested(1001.0), CancelRequested(1003.0), completed(0, task="fan")], CancelRequested(1003.0)),
    ],
)
def test_what_was_requested_last_is_known(entries: list[Entry], requested: Any) -> None:
    """Sub-workflows may have missed it."""
    replayed, _ = begun()
    replayed.feed(entries)
    assert replayed.requested == requested


def test_a_run_that_failed_in_a_pause_has_its_sub_workflows_go_on() -> None:
    """It requests that itself, when it fails."""
    replayed, _ = begun("fail_fast: true\n" + FAN)
    replayed.feed([PauseRequested(1001.0), failed(0, task="other", at=1002.0)])
    assert replayed.requested == ResumeRequested(1002.0)


def test_the_end_of_a_run_is_found_when_it_has_come() -> None:
    """With what came of it."""
    replayed, _ = begun()
    entries = [completed(0, task="other"), *(completed(index, index, task="fan") for index in range(3))]
    finishes = []
    for entry in entries:
        replayed.feed([entry])
        finishes.append(replayed.finish)
    assert finishes[:-1] == [None] * 3
    assert finishes[-1] is not None
    assert finishes[-1].output == {"all": [0, 1, 2]}


def test_what_a_run_had_learned_is_secret_when_it_is_replayed() -> None:
    """From where it had been learned on."""
    replayed, _ = begun()
    replayed.feed([SecretsLearned(("sesame",)), *(completed(index, "open sesame", task="fan") for index in range(3))])
    replayed.feed([completed(0, task="other")])
    assert replayed.finish is not None
    assert replayed.finish.output == {"all": [f"open {MASK}"] * 3}


def test_a_long_run_is_read_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many entries as make one portion are followed by a look for more."""
    text = FAN.replace("[a, b, c], concurrency: 3", f'"{{{{ range({READ_AT_ONCE}) | list }}}}", concurrency: 1000')
    run = Conducted(store, text)
    ended = [completed(index, task="fan") for index in range(READ_AT_ONCE)]
    store.writer.write([happening(run.id, *ended)])
    asked: list[int] = []
    entries = store.reader.entries

    def watched(run_id: str, first: int, most: int) -> list[Entry]:
        asked.append(first)
        assert most == READ_AT_ONCE
        return entries(run_id, first, most)

    monkeypatch.setattr(store.reader, "entries", watched)
    conductor, replayed = replay(store.reader, run.accepted)
    assert asked == [0, READ_AT_ONCE]
    assert replayed.entries == READ_AT_ONCE
    assert conductor.tasks()["fan"]["items"]["succeeded"] == READ_AT_ONCE


def ended_run(store: Store, **given: Any) -> Conducted:
    run = Conducted(store, FAN, **given)
    run.succeed("other")
    for index, result in enumerate("ABC"):
        run.succeed("fan", index, result)
    return run


def test_the_outcome_of_a_run_is_as_its_parents_task_works_with_it(store: Store) -> None:
    """There is none before its end, and none of what is not there."""
    running = Conducted(store, FAN)
    for run_id in (running.id, "no-such-run"):
        with pytest.raises(UnknownRun, match="there is no ended run"):
            outcome_for_parent(store.reader, run_id)
    run = ended_run(store)
    assert outcome_for_parent(store.reader, run.id) == Outcome("succeeded", data({"all": [*"ABC"]}), EMPTY_LIST)


def test_a_run_that_failed_of_the_engine_has_the_outcome_that_was_written(store: Store) -> None:
    """Its entries do not lead to its end."""
    run = Conducted(store, FAN)
    outcome = failed_with("supervisor_crashed", "ZeroDivisionError")
    ending = Ending("failed", None, outcome.errors, 1001.0)
    store.writer.write([happening(run.id, ending=ending, status="failed")])
    assert outcome_for_parent(store.reader, run.id) == outcome


class Damaged:
    """A reader of a store whose entries cannot be read."""

    def __init__(self, reader: Reader, error: Exception) -> None:
        self.end, self.run, self.accepted, self.quarantine = reader.end, reader.run, reader.accepted, reader.quarantine
        self._error = error

    def entries(self, *_given: Any) -> list[Entry]:
        raise self._error


def test_one_that_failed_since_it_cannot_be_read_has_it_too(store: Store) -> None:
    """Only of what failed: what a run gives must not come from where secrets are masked."""
    run = Conducted(store, FAN)
    outcome = failed_with("recovery_failed", "an entry is damaged")
    ending = Ending("failed", None, outcome.errors, 1001.0)
    store.writer.write([happening(run.id, ending=ending, status="failed")])
    succeeded = ended_run(store)
    damaged: Any = Damaged(store.reader, UnreadableRecord("an entry is damaged"))
    assert outcome_for_parent(damaged, run.id) == outcome
    with pytest.raises(UnreadableRecord):
        outcome_for_parent(damaged, succeeded.id)
    for error in (StoreUnavailable("the disk is away"), WrongStoreKey("another key")):
        unreadable: Any = Damaged(store.reader, error)
        with pytest.raises(type(error)):
            outcome_for_parent(unreadable, succeeded.id)


HEAVY = """
ref: tests.heavy
tasks:
  - name: probe
    action: core.noop
    with_items: "{{ range(20) | list }}"
    concurrency: 20
    retry: {count: 1, on_error: "{{ (range(300000) | list | length) < 0 }}"}
"""


def test_a_replay_lets_others_take_turns_when_its_expressions_are_costly(tmp_path: Path) -> None:
    """Each event is within its budget, but not all that are read at once."""
    with open_store(f"sqlite:///{tmp_path}/store.db", None) as store:
        run = Conducted(store, HEAVY)
        for index in range(20):
            run.fail("probe", index)
        entries = store.reader.entries(run.id, 0, READ_AT_ONCE)
        accepted = store.reader.accepted(run.id)
        assert accepted is not None
        replayed = Replay(conductor_of(accepted), accepted.accepted_at)
        portions = []
        while entries:
            rest = list(replayed.feed_for_a_turn(entries))
            portions.append(len(entries) - len(rest))
            entries = rest
    assert len(portions) > 1
    assert max(portions) < 20
    assert replayed.finish is not None
    assert replayed.finish.status == "failed"
