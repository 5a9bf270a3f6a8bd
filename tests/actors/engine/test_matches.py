"""Runs are started from durable matches: each once, through any crash, without matching again."""

import queue
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.matches import MatchStarts
from stretto.actors.journal import MatchesDue
from stretto.actors.journal.events import DueMatches, EventQuery, MatchFailed, MatchRow
from stretto.actors.runs import DueFound, Services
from tests.support.engines import Bench
from tests.support.events import answer_of, event
from tests.support.waiting import PATIENCE, Inbox, messages_of

WORKFLOW = """
ref: ops.greet
version: "1.0"
parameters: {name: {type: string, required: true}}
tasks:
  - {name: greet, action: core.echo, input: {message: "{{ parameters.name }}"}}
"""
RULE = """
on: {event: greeted, when: "payload.name != 'nobody'"}
run: ops.greet
input: {name: "{{ payload.name }}"}
"""


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def services_of(bench: Bench) -> Services:
    found: Services = bench.proxy.host.services().get(timeout=PATIENCE)
    return found


def matches_of(services: Services, rule: str = "rule") -> list[MatchRow]:
    """Return the matches of a rule, the newest first, once all that was recorded before is durable."""
    recorded = Deferred()
    services.journal.record(None, (), ((recorded, None),))
    answer_of(recorded)
    found: list[MatchRow] = answer_of(
        services.readers.ask_deferred(lambda reader: reader.events.last_matches(rule, 50))
    )
    return found


class Ends:
    """The runs of an engine that have ended, as they end."""

    def __init__(self, bench: Bench) -> None:
        self._inbox = Inbox.start()
        self._told = messages_of(self._inbox)
        bench.proxy.host.subscribe_to_ends(self._inbox).get(timeout=PATIENCE)

    def wait(self, count: int = 1) -> list[str]:
        """Wait for the ends of so many runs; return their ids."""
        return [self._told.get(timeout=PATIENCE).run_id for _ in range(count)]

    def stop(self) -> None:
        self._inbox.stop()


class Noting:
    """A journal's link that notes the matches that have failed."""

    def __init__(self, link: Any) -> None:
        self._link = link
        self.failed: queue.SimpleQueue[MatchFailed] = queue.SimpleQueue()

    def record(self, write: Any, *more: Any) -> None:
        self._link.record(write, *more)
        if isinstance(write, MatchFailed):
            self.failed.put(write)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)


@pytest.fixture
def ends_of() -> Iterator[Callable[[Bench], Ends]]:
    """Follow the ends of an engine's runs."""
    made: list[Ends] = []

    def follow(bench: Bench) -> Ends:
        made.append(Ends(bench))
        return made[-1]

    yield follow
    for each in made:
        each.stop()


def test_an_event_starts_the_run_of_each_rule_that_answers(
    tmp_path: Path, sqlite_url: str, start_bench: Callable[..., Bench], ends_of: Callable[[Bench], Ends]
) -> None:
    """Of a workflow and of an action. An event that no rule answers starts none."""
    write(
        tmp_path,
        greet=WORKFLOW,
        rule=RULE,
        other="on: greeted\nrun: core.echo\ninput: {message: 'to {{ payload.name }}'}",
    )
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    services, ends = services_of(bench), ends_of(bench)
    for name in ("nobody", "Ann"):
        answer_of(services.events.accept(event({"name": name}, type="greeted")))
    ended = ends.wait(3)
    (started,) = matches_of(services)
    assert started.started_at is not None
    assert {started.run, *(each.run for each in matches_of(services, "other"))} == set(ended)
    outcome = bench.proxy.handle(started.run).get(timeout=PATIENCE).outcome.get(timeout=PATIENCE)
    assert outcome.status == "succeeded"
    report = bench.proxy.run(started.run).get(timeout=PATIENCE)
    assert report["requested_by"] == {"who": "rule", "via": "rule"}
    assert report["origin"] == "remote"


def test_what_was_not_started_is_started_by_the_next_engine(
    tmp_path: Path, sqlite_url: str, start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch,
    ends_of: Callable[[Bench], Ends],
) -> None:  # fmt: skip
    """With the inputs of then, whatever the rule says now; and never a second time."""
    write(tmp_path, greet=WORKFLOW, rule=RULE)
    with monkeypatch.context() as patched:
        patched.setattr(MatchStarts, "_start_waiting", lambda _self: None)
        bench = start_bench(definitions=tmp_path, store=sqlite_url)
        answer_of(services_of(bench).events.accept(event({"name": "Ann"}, type="greeted")))
        bench.proxy.stop(0).get(timeout=PATIENCE)
    write(tmp_path, rule=RULE.replace("{{ payload.name }}", "changed"))
    for _number in range(2):
        bench = start_bench(definitions=tmp_path, store=sqlite_url)
        ends = ends_of(bench)
        answer_of(services_of(bench).events.accept(event({"name": "nobody"}, type="greeted")))
        (started,) = matches_of(services_of(bench))
        listed = bench.proxy.runs().get(timeout=PATIENCE)["runs"]
        if [each["status"] for each in listed] != ["succeeded"]:  # it may have ended before anyone listened
            assert ends.wait() == [started.run]
        assert [each["id"] for each in bench.proxy.runs().get(timeout=PATIENCE)["runs"]] == [started.run]
        assert bench.proxy.run(started.run).get(timeout=PATIENCE)["inputs"] == {"name": "Ann"}
        bench.proxy.stop(0).get(timeout=PATIENCE)


def test_a_run_that_cannot_be_started_is_an_error_of_its_match(
    tmp_path: Path, sqlite_url: str, start_bench: Callable[..., Bench]
) -> None:
    """The inputs do not fit, which only the run's check finds."""
    write(tmp_path, greet=WORKFLOW, rule=RULE)
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    services = services_of(bench)
    noting = Noting(services.journal)
    services.journal = noting
    answer_of(services.events.accept(event({"name": 5}, type="greeted")))
    noting.failed.get(timeout=PATIENCE)
    (failed,) = matches_of(services)
    assert failed.error is not None
    assert failed.error.startswith("invalid_input: ")


def test_runs_wait_while_too_many_are_in_progress(
    tmp_path: Path, sqlite_url: str, start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch,
    ends_of: Callable[[Bench], Ends],
) -> None:  # fmt: skip
    """They start as the others end."""
    monkeypatch.setattr("stretto.actors.engine.matches.WAIT_SECONDS", 0.01)
    write(tmp_path, greet=WORKFLOW, rule=RULE)
    bench = start_bench(definitions=tmp_path, store=sqlite_url, max_runs=1)
    services, ends = services_of(bench), ends_of(bench)
    for _ in range(3):
        services.events.accept(event({"name": "Ann"}, type="greeted"))
    assert set(ends.wait(3)) == {each.run for each in matches_of(services)}


@pytest.mark.parametrize("durable", ["store.db", None])
def test_more_runs_than_may_wait_are_left_to_the_store(
    tmp_path: Path, durable: str | None, start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch,
    ends_of: Callable[[Bench], Ends],
) -> None:  # fmt: skip
    """All of them start. Without a store, the match says why there is no run."""
    monkeypatch.setattr("stretto.actors.engine.matches.MAX_WAITING", 2)
    write(tmp_path, greet=WORKFLOW, rule=RULE)
    bench = start_bench(definitions=tmp_path, store=durable and f"sqlite:///{tmp_path}/{durable}")
    services, ends = services_of(bench), ends_of(bench)
    came: queue.SimpleQueue[Any] = queue.SimpleQueue()
    services.events.start_runs_with(Told(came))
    for _ in range(4):
        answer_of(services.events.accept(event({"name": "Ann"}, type="greeted")))
    due = MatchesDue(tuple(match for _ in range(4) for match in came.get(timeout=PATIENCE).matches))
    bench.proxy.actor_ref.tell(due)
    if durable:
        assert set(ends.wait(4)) == {each.run_id for each in due.matches}
    else:
        assert set(ends.wait(2)) == {each.run_id for each in due.matches[:2]}
        memory: Any = services.journal
        assert "MAX_WAITING" in memory.events.matches(due.matches[3].event)[0].error


def test_without_a_store_rules_are_answered_from_memory(
    tmp_path: Path, start_bench: Callable[..., Bench], ends_of: Callable[[Bench], Ends]
) -> None:
    """The events are those of the engine's life."""
    write(tmp_path, greet=WORKFLOW, rule=RULE)
    bench = start_bench(definitions=tmp_path)
    services, ends = services_of(bench), ends_of(bench)
    accepted = answer_of(services.events.accept(event({"name": "Ann"}, type="greeted")))
    memory: Any = services.journal
    assert ends.wait() == [each.run for each in memory.events.matches(accepted.event)]
    assert [each.id for each in memory.events.page(EventQuery()).events] == [accepted.event]


def test_a_match_that_is_read_as_due_while_its_run_starts_starts_no_second_one(
    tmp_path: Path, sqlite_url: str, start_bench: Callable[..., Bench], ends_of: Callable[[Bench], Ends]
) -> None:
    """As when the matches of another engine are taken over, or when more are due than are read at once."""
    write(tmp_path, greet=WORKFLOW, rule=RULE)
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    services, ends = services_of(bench), ends_of(bench)
    came: queue.SimpleQueue[Any] = queue.SimpleQueue()
    services.events.start_runs_with(Told(came))
    answer_of(services.events.accept(event({"name": "Ann"}, type="greeted")))
    due = came.get(timeout=PATIENCE)
    engine = bench.proxy.actor_ref
    for _ in range(2):
        engine.tell(due)
    (run,) = ends.wait()
    outcome = bench.proxy.handle(run).get(timeout=PATIENCE).outcome.get(timeout=PATIENCE)
    assert outcome.status == "succeeded"
    assert [each["id"] for each in bench.proxy.runs().get(timeout=PATIENCE)["runs"]] == [run]


def test_what_waits_for_its_commit_is_not_read_again(
    tmp_path: Path, sqlite_url: str, start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store may be away for long, with more of these than are read at once. The page behind them is read."""
    write(tmp_path, greet=WORKFLOW.replace("action: core.echo", "delay: 1000, action: core.echo"), rule=RULE)
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    services = services_of(bench)
    came: queue.SimpleQueue[Any] = queue.SimpleQueue()
    services.events.start_runs_with(Told(came))
    answer_of(services.events.accept(event({"name": "Ann"}, type="greeted")))
    due, engine = came.get(timeout=PATIENCE), bench.proxy.actor_ref
    engine.tell(due)
    bench.proxy.runs().get(timeout=PATIENCE)  # the run is in progress
    read: queue.SimpleQueue[Any] = queue.SimpleQueue()
    monkeypatch.setattr(MatchStarts, "_find_more", lambda self, _message: read.put(self._due_after))
    engine.tell(DueFound(DueMatches(due.matches, next=7)))
    engine.tell(DueFound(DueMatches(due.matches)))
    bench.proxy.runs().get(timeout=PATIENCE)
    assert read.get(timeout=PATIENCE) == 7
    assert read.empty()


def test_a_match_that_cannot_be_read_is_set_aside(
    tmp_path: Path, sqlite_url: str, start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch,
    ends_of: Callable[[Bench], Ends],
) -> None:  # fmt: skip
    """It fails with the reason, and the others start, each page of them."""
    monkeypatch.setattr("stretto.actors.engine.matches.DUE_AT_ONCE", 2)
    write(tmp_path, greet=WORKFLOW, rule=RULE)
    with monkeypatch.context() as patched:
        patched.setattr(MatchStarts, "_start_waiting", lambda _self: None)
        bench = start_bench(definitions=tmp_path, store=sqlite_url)
        for number in range(5):
            answer_of(services_of(bench).events.accept(event({"name": f"n{number}"}, type="greeted")))
        bench.proxy.stop(0).get(timeout=PATIENCE)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as store, store:
        store.execute("UPDATE matches SET body = CAST('{' AS BLOB) WHERE CAST(body AS TEXT) LIKE '%n1%'")
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    while len(done := [each for each in matches_of(services_of(bench)) if each.started_at or each.error]) < 5:
        pass
    failed = [each for each in done if each.error]
    assert [each.started_at for each in failed] == [None]
    assert str(failed[0].error).startswith("unreadable_record: ")


class Told:
    """A recipient that keeps its messages."""

    def __init__(self, messages: "queue.SimpleQueue[Any]") -> None:
        self.tell = messages.put


def test_the_metrics_count_events_and_the_answers_of_rules(
    tmp_path: Path, sqlite_url: str, start_bench: Callable[..., Bench], ends_of: Callable[[Bench], Ends]
) -> None:
    """A repeated event has no answers. A rule that is disabled is counted as such."""
    from prometheus_client import generate_latest

    write(tmp_path, greet=WORKFLOW, rule=RULE, bad=RULE.replace("payload.name }}", "payload.none }}"))
    write(tmp_path, off="on: x\nrun: ops.greet\ninput: {name: a}\nenabled: false\n")
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    services, ends = services_of(bench), ends_of(bench)
    for _ in range(2):
        answer_of(services.events.accept(event({"name": "Ann"}, type="greeted", key="k", key_until=9e9)))
    ends.wait()
    text = generate_latest(services.instruments.registry).decode()
    for line in (
        'stretto_events_total{result="accepted"} 1.0', 'stretto_events_total{result="duplicate"} 1.0',
        'stretto_matches_total{result="matched"} 2.0', 'stretto_matches_total{result="started"} 1.0',
        'stretto_matches_total{result="failed"} 1.0', 'stretto_rules{state="enabled"} 2.0',
        'stretto_rules{state="disabled"} 1.0', "stretto_match_waiting_seconds 0.0",
    ):  # fmt: skip
        assert line in text
