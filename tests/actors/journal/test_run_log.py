"""A run's log: one record per turn, with only what is new."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pykka
import pytest

from stretto.actors import ActionFailed, action
from stretto.actors.dispatch import Deferred
from stretto.actors.history.replay import outcome_for_parent
from stretto.actors.journal.access import AuditQuery
from stretto.actors.journal.audit import Requester
from stretto.actors.journal.link import Answers, JournalLink, Notifications
from stretto.actors.journal.no_journal import NoJournal
from stretto.actors.journal.records import Ending, Happened, SecretsLearned, TaskState, Write
from stretto.actors.journal.run_log import RunLog
from stretto.actors.journal.service import OpenJournal, open_journal
from stretto.actors.journal.sql.writer import SqlWriter
from stretto.definitions.conductor import Event, PauseRequested, ResumeRequested, TaskEnded, TaskStarted, UnknownTask
from stretto.definitions.conductor.inputs import MAX_INPUT_BYTES
from stretto.definitions.context.masking import Mask
from stretto.definitions.data.frozen import EMPTY_LIST
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Inbox

EVENTS: list[Event] = [PauseRequested(1.0), ResumeRequested(2.0), PauseRequested(3.0)]


class Noted(NoJournal):
    """Takes what is recorded, as the way to a journal does."""

    durable = True

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[Write | None, Notifications, Answers]] = []

    def record(
        self,
        write: Write | None,
        notifications: Notifications = (),
        answers: Answers = (),
        family: str | None = None,
    ) -> None:
        self.records.append((write, notifications, answers))

    def happened(self) -> list[Happened]:
        return [write for write, _, _ in self.records if isinstance(write, Happened)]


@pytest.fixture
def link() -> Noted:
    return Noted()


def journal_of(link: Noted, **given: Any) -> RunLog:
    return RunLog(link, "run", **{"secretive": False, **given})


def test_a_turn_in_which_nothing_happened_sends_nothing(link: Noted) -> None:
    """Also if the status is what the store has."""
    journal = journal_of(link)
    journal.flush("running", Mask())
    journal.flush(None, Mask())
    assert link.records == []


def test_all_of_a_turn_is_one_record_and_entries_are_numbered_through(link: Noted) -> None:
    """From where the run was left, if it was."""
    journal = journal_of(link, first=7)
    for event in EVENTS[:2]:
        journal.note(event, Mask())
    journal.task_started(TaskStarted("a", 1, 0), 1.0)
    journal.flush("running", Mask())
    journal.note(EVENTS[2], Mask())
    journal.flush("running", Mask())
    one, other = link.happened()
    assert (one.first, one.entries, one.tasks) == (7, tuple(EVENTS[:2]), (TaskState("a", 1, "running", 1.0),))
    assert (other.first, other.entries, other.tasks) == (9, (EVENTS[2],), ())


def test_a_status_is_recorded_when_it_has_changed(link: Noted) -> None:
    """Without one it is as it was."""
    journal = journal_of(link)
    for status in ("paused", "paused", None, "running"):
        journal.note(EVENTS[0], Mask())
        journal.flush(status, Mask())
    assert [each.status for each in link.happened()] == ["paused", None, None, "running"]


def test_a_task_has_ended_with_what_came_of_its_items(link: Noted) -> None:
    """The end includes the start, so that the later row is complete."""
    journal = journal_of(link)
    ended = TaskEnded("a", 2, "failed", items=5, failed=2, seconds=3.0, outcomes={"succeeded": 3, "failed": 2})
    journal.task_ended(ended, 10.0)
    journal.flush("running", Mask())
    (happened,) = link.happened()
    assert happened.tasks == (TaskState("a", 2, "failed", 7.0, 10.0, 5, 3, 2),)


def test_an_end_is_written_with_the_last_entries(link: Noted) -> None:
    """Once."""
    journal = journal_of(link)
    ending = Ending("succeeded", None, EMPTY_LIST, 5.0)
    journal.note(EVENTS[0], Mask())
    journal.end(ending)
    journal.flush("succeeded", Mask())
    journal.flush("succeeded", Mask())
    (happened,) = link.happened()
    assert (happened.entries, happened.ending, happened.status) == ((EVENTS[0],), ending, "succeeded")


def test_what_turned_out_to_be_secret_stands_before_what_followed(link: Noted) -> None:
    """Each text once; texts that are already recorded are not recorded again."""
    mask = Mask()
    mask.see(["known"])
    journal = journal_of(link, learned=mask.seen_count)
    journal.note(EVENTS[0], mask)
    mask.see(["sesame", "known", "mellon"])
    journal.note(EVENTS[1], mask)
    journal.note(EVENTS[2], mask)
    journal.flush("running", mask)
    (happened,) = link.happened()
    assert happened.entries == (EVENTS[0], SecretsLearned(("sesame", "mellon")), EVENTS[1], EVENTS[2])


@pytest.mark.parametrize(
    ("secretive", "mask", "secret"), [(False, Mask(), False), (False, Mask(["x" * 9]), True), (True, Mask(), True)]
)
def test_what_may_be_secret_is_said_to_be(link: Noted, secretive: bool, mask: Mask, secret: bool) -> None:
    """Where there are secrets, or where the definition gives some to secret parameters of actions."""
    journal = journal_of(link, secretive=secretive)
    journal.note(EVENTS[0], mask)
    journal.flush("running", mask)
    (happened,) = link.happened()
    assert happened.secret == secret


def test_messages_and_answers_go_with_the_turns_record(link: Noted) -> None:
    """Also if there is nothing to write."""
    journal = journal_of(link)
    answer, waiter = Deferred(), Inbox.start()
    journal.tell(waiter, "news")
    journal.answer(answer, 7)
    journal.flush("running", Mask())
    journal.flush("running", Mask())
    assert link.records == [(None, ((waiter, "news"),), ((answer, 7),))]
    waiter.stop()


def test_without_a_store_nothing_is_kept_for_one(link: Noted) -> None:
    """Messages are still sent."""
    link.durable = False
    journal = journal_of(link)
    answer = Deferred()
    journal.note(EVENTS[0], Mask())
    journal.task_started(TaskStarted("a", 1, 0), 1.0)
    journal.end(Ending("succeeded", None, EMPTY_LIST, 5.0))
    journal.answer(answer, None)
    journal.flush("paused", Mask())
    assert answer.resolve("later") is False
    assert link.records == []


# ---- counted, of an engine's runs

ITEMS = 10_000
CONTEXT = [f"{number:06} {'x' * 493}" for number in range(ITEMS)]
"""About 5 MB."""
ECHOES = f"""
ref: counted.echoes
parameters: {{context: {{type: array}}}}
tasks:
  - name: echo
    action: core.echo
    with_items: "{{{{ range({ITEMS}) | list }}}}"
    concurrency: 256
    input: {{message: "{{{{ [item, parameters.context[item], length(parameters.context)] }}}}"}}
"""
REFUSALS = """
ref: counted.refusals
parameters: {context: {type: array}}
tasks:
  - name: refuse
    action: counted.refuse
    with_items: "{{ range(1000) | list }}"
    concurrency: 256
    input: {context: "{{ parameters.context }}"}
"""


@action("counted.refuse")
def refuse(context: list[str]) -> None:
    """Fail, whatever it is given."""
    raise ActionFailed(f"it takes no context of {len(context):,} lines")


class Counted:
    """An engine with a store, and what its runs have had written."""

    def __init__(self, bench: Bench, journal: OpenJournal, messages: list[int]) -> None:
        self.bench = bench
        self.messages = messages
        self._journal = journal

    @property
    def writer(self) -> SqlWriter:
        return self._journal.store.writer

    def run(self, text: str, inputs: dict[str, Any]) -> Any:
        """Perform a run; return its outcome, and the outcome that its entries lead to."""
        handle = self.bench.submit(text, inputs)
        outcome = outcome_of(handle)
        later = self._journal.readers.ask_deferred(lambda reader: outcome_for_parent(reader, handle.id))
        reply: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        later.subscribe(reply, set())
        return outcome, reply.get(timeout=PATIENCE)


@pytest.fixture
def counted(start_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    opened: list[OpenJournal] = []
    messages: list[int] = []
    record = JournalLink.record

    def watched_open(*given: Any) -> OpenJournal:
        opened.append(open_journal(*given))
        return opened[-1]

    def watched_record(link: JournalLink, *given: Any) -> None:
        messages.append(1)
        record(link, *given)

    monkeypatch.setattr("stretto.actors.engine.startup.open_journal", watched_open)
    monkeypatch.setattr(JournalLink, "record", watched_record)
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db")
    return Counted(bench, opened[0], messages)


def test_ten_thousand_items_over_five_megabytes_write_what_came_of_them(counted: Counted) -> None:
    """A row each and a few more, less than three times the bytes of their results, and far fewer messages."""
    outcome, _ = counted.run(ECHOES, {"context": CONTEXT})
    assert outcome.status == "succeeded"
    given = len(msgspec.json.encode({"context": CONTEXT}))
    results = sum(len(msgspec.json.encode([number, CONTEXT[number], ITEMS])) for number in range(ITEMS))
    assert given > 5_000_000
    assert ITEMS < counted.writer.rows_written < ITEMS + 20
    assert results < counted.writer.bytes_written - given < 1.1 * results, "what it was given is stored once"
    assert len(counted.messages) < ITEMS // 10


def test_a_thousand_items_that_fail_over_five_megabytes_write_their_short_reports(counted: Counted) -> None:
    """Of each input only what the run's errors tell; a replay gives the same errors."""
    outcome, replayed = counted.run(REFUSALS, {"context": CONTEXT})
    assert replayed == outcome
    given = len(msgspec.json.encode({"context": CONTEXT}))
    assert 1000 < counted.writer.rows_written < 1020
    assert counted.writer.bytes_written - given < 1100 * (MAX_INPUT_BYTES + 200)
    error = outcome.errors[1]
    assert error["message"] == "it takes no context of 10,000 lines"
    assert error["input"].startswith('{"context":["000000 xxx')
    assert len(error["input"]) < MAX_INPUT_BYTES


def test_entries_of_the_audit_are_in_the_record_of_their_turn(link: Noted) -> None:
    """Those of a refused request are not; one whose evaluation is stopped is no refusal."""
    journal = journal_of(link)
    audit = Requester(who="mira", via="api", source="x").asks("pause", "run", 1.0)
    with journal.auditing(audit):
        journal.note(EVENTS[0], Mask())
    with pytest.raises(UnknownTask), journal.auditing(audit):
        raise UnknownTask("there is no such task")
    journal.flush(None, Mask())
    with pytest.raises(RuntimeError), journal.auditing(audit):
        raise RuntimeError("stopped")
    journal.flush(None, Mask())
    journal.flush(None, Mask())
    assert [(each.entries, each.audit) for each in link.happened()] == [((EVENTS[0],), audit), ((), audit)]


def test_without_a_store_the_audit_is_recorded_all_the_same() -> None:
    """In memory."""
    link = NoJournal()
    journal = RunLog(link, "run", secretive=False)
    with journal.auditing(Requester(who="mira", via="api", source="x").asks("pause", "run", 1.0)):
        journal.note(EVENTS[0], Mask())
    journal.flush("paused", Mask())
    assert [row.entry.who for row in link.audit.page(AuditQuery()).rows] == ["mira"]
