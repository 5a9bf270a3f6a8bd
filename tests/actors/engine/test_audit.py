"""The audit of an engine's changes: each entry is in the record of its change, with a store and without one."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pykka
import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.journal import AuditEntry, Requester
from stretto.actors.journal.access import PruneAudit
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.messages import PruneRuns
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Audited, Happened, RunAccepted, Suspicion, Suspicions, Write, run_of
from stretto.actors.journal.sql.writer import SqlWriter
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import IllegalTransition, UnknownTask
from stretto.definitions.conductor.events import (
    CancelRequested,
    ConcurrencyRequested,
    ExtensionRequested,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    SkipRequested,
)
from tests.support.conducted import Conducted
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

MIRA = Requester(who="mira", via="api", source="10.0.0.1", note="why not")
DELAYED = "ref: test.delayed\ntimeout: 3600\ntasks: [{name: only, delay: 3000, action: core.noop}]\n"
ENDLESS = "ref: test.endless\ntasks: [{name: only, delay: 3000, action: core.noop}]\n"
FAN_OUT = """
ref: test.fan_out
timeout: 3600
cancellation_policy: cancel_running
tasks:
  - name: wait
    action: core.sleep
    input: {seconds: 3600}
    with_items: [1, 2, 3]
    concurrency: 1
"""
CONTROLS = (
    CancelRequested, ConcurrencyRequested, ExtensionRequested, PauseRequested, ResumeRequested, RetryRequested,
    SkipRequested,
)  # fmt: skip


@pytest.fixture(params=["store", "memory"])
def bench(request: pytest.FixtureRequest, start_bench: Callable[..., Bench], tmp_path: Any) -> Bench:
    """Return an engine with a store, and one without."""
    return start_bench(store=f"sqlite:///{tmp_path}/audited.db" if request.param == "store" else None)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Write]:
    """Return all records that are written from now on."""
    records: list[Write] = []
    write = SqlWriter.write

    def noting(self: SqlWriter, writes: Sequence[Write], more: Iterable[Sequence[Write]] = ()) -> Any:
        def noted() -> Iterable[Sequence[Write]]:
            for portion in more:
                records.extend(portion)
                yield portion

        records.extend(writes)
        return write(self, writes, noted())

    monkeypatch.setattr(SqlWriter, "write", noting)
    return records


def get(future: Any) -> Any:
    return future.get(timeout=PATIENCE)


def audit_of(bench: Bench, **query: Any) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = get(bench.proxy.audit(**query))["entries"]
    return entries[::-1]


def shown(bench: Bench) -> list[tuple[str, str, str]]:
    return [(entry["operation"], entry["target"], entry["result"]) for entry in audit_of(bench)]


def test_each_change_that_someone_asks_for_leaves_an_entry(bench: Bench) -> None:
    """With what it named, and what came of it."""
    path = bench.write(FAN_OUT)
    run = get(bench.proxy.submit(path, by=MIRA))
    get(bench.proxy.pause(run.id, by=MIRA))
    get(bench.proxy.resume(run.id, by=MIRA))
    get(bench.proxy.set_concurrency(run.id, "wait", 2, by=MIRA))
    get(bench.proxy.extend(run.id, 5.0, by=MIRA))
    get(bench.proxy.cancel(run.id, by=MIRA))
    outcome_of(run)
    again = get(bench.proxy.rerun(run.id, by=MIRA))
    get(bench.proxy.cancel(again.id, by=MIRA))
    assert shown(bench) == [
        ("submit", "test.fan_out", f"run {run.id}"),
        ("pause", run.id, "done"),
        ("resume", run.id, "done"),
        ("set_concurrency", f"{run.id} wait 2", "done"),
        ("extend", f"{run.id} 5.0", "done"),
        ("cancel", run.id, "done"),
        ("rerun", run.id, f"run {again.id}"),
        ("cancel", again.id, "done"),
    ]
    assert {(entry["who"], entry["via"], entry["source"], entry["note"]) for entry in audit_of(bench)} == {
        ("mira", "api", "10.0.0.1", "why not")
    }


def test_what_no_one_asked_for_leaves_none(bench: Bench) -> None:
    """A program's own calls are its own."""
    run = get(bench.proxy.submit(bench.write(DELAYED)))
    get(bench.proxy.pause(run.id))
    get(bench.proxy.cancel(run.id))
    assert audit_of(bench) == []


def test_a_refused_request_leaves_none(bench: Bench) -> None:
    """It has changed nothing; the next one leaves its own entry alone."""
    run = get(bench.proxy.submit(bench.write(DELAYED)))
    get(bench.proxy.pause(run.id, by=MIRA))
    with pytest.raises(UnknownTask):
        get(bench.proxy.set_concurrency(run.id, "nothing", 2, by=MIRA))
    with pytest.raises(UnknownRun):
        get(bench.proxy.cancel("nothing", by=MIRA))
    get(bench.proxy.cancel(run.id, by=MIRA))
    outcome_of(run)
    with pytest.raises(IllegalTransition):
        get(bench.proxy.cancel(run.id, by=MIRA))
    assert [operation for operation, _, _ in shown(bench)] == ["pause", "cancel"]


def test_a_key_that_is_used_again_leaves_one_entry(bench: Bench) -> None:
    """There is one run."""
    path = bench.write(DELAYED)
    first = get(bench.proxy.submit(path, idempotency_key="k", by=MIRA))
    again = get(bench.proxy.submit(path, idempotency_key="k", by=MIRA))
    assert first.id == again.id
    assert [operation for operation, _, _ in shown(bench)] == ["submit"]
    get(bench.proxy.cancel(first.id))


def test_the_audit_is_asked_by_who_and_when(bench: Bench) -> None:
    """A page at a time."""
    run = get(bench.proxy.submit(bench.write(DELAYED), by=MIRA))
    get(bench.proxy.pause(run.id, by=Requester(who="ci", via="api", source="x")))
    get(bench.proxy.cancel(run.id, by=MIRA))
    assert [entry["operation"] for entry in audit_of(bench, who="ci")] == ["pause"]
    assert audit_of(bench, since=time.time() + 3600) == []
    page = get(bench.proxy.audit(limit=2))
    assert [entry["operation"] for entry in page["entries"]] == ["cancel", "pause"]
    assert [entry["operation"] for entry in get(bench.proxy.audit(cursor=page["next"]))["entries"]] == ["submit"]


def test_a_change_of_the_daemons_own_can_be_noted(bench: Bench) -> None:
    """A reload is written nowhere else."""
    get(bench.proxy.host.audit(MIRA, "reload", "definitions", "5 workflows"))
    assert shown(bench) == [("reload", "definitions", "5 workflows")]


def test_the_entry_is_in_the_record_of_its_change(
    start_bench: Callable[..., Bench], sqlite_url: str, written: list[Write]
) -> None:
    """A record is written as a whole or not at all: no crash comes between the two."""
    bench = start_bench(store=sqlite_url)
    run = get(bench.proxy.submit(bench.write(FAN_OUT), by=MIRA))
    get(bench.proxy.pause(run.id, by=MIRA))
    get(bench.proxy.resume(run.id, by=MIRA))
    get(bench.proxy.set_concurrency(run.id, "wait", 2, by=MIRA))
    get(bench.proxy.skip_item(run.id, "wait", 0, by=MIRA))
    get(bench.proxy.extend(run.id, 5.0, by=MIRA))
    get(bench.proxy.cancel(run.id, by=MIRA))
    outcome_of(run)
    get(bench.proxy.rerun(run.id, by=MIRA))
    changes = [
        (write, len(write.audit))
        for write in written
        if isinstance(write, RunAccepted)
        or (isinstance(write, Happened) and any(isinstance(entry, CONTROLS) for entry in write.entries))
    ]
    assert len(changes) == 8
    for write, entries in changes:
        controls = (
            [entry for entry in write.entries if isinstance(entry, CONTROLS)] if isinstance(write, Happened) else []
        )
        assert entries == max(len(controls), 1)
    assert sum(len(write.audit) for write in written) == 8


def test_a_run_records_who_started_it(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """In lists and reports; a rerun has its own."""
    bench = start_bench(store=sqlite_url)
    run = get(bench.proxy.submit(bench.write(DELAYED), by=MIRA))
    get(bench.proxy.cancel(run.id))
    outcome_of(run)
    again = get(bench.proxy.rerun(run.id, by=Requester(who="ci", via="cli", source="local")))
    own = get(bench.proxy.submit(bench.write(DELAYED)))
    assert get(bench.proxy.run(run.id))["requested_by"] == {"who": "mira", "via": "api"}
    assert [each["requested_by"] for each in get(bench.proxy.runs())["runs"]] == [
        None, {"who": "ci", "via": "cli"}, {"who": "mira", "via": "api"},
    ]  # fmt: skip
    for each in (again, own):
        get(bench.proxy.cancel(each.id))
    assert get(bench.proxy.export(run.id))["requested_by"] == {"who": "mira", "via": "api"}


def test_who_started_a_run_outlives_its_recovery(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """And the audit the engine."""
    first = start_bench(store=sqlite_url)
    run = get(first.proxy.submit(first.write(DELAYED), by=MIRA))
    get(first.proxy.stop(grace=0))
    second = start_bench(store=sqlite_url)
    get(second.proxy.host.recovered())
    assert get(second.proxy.run(run.id))["requested_by"] == {"who": "mira", "via": "api"}
    get(second.proxy.cancel(run.id, by=MIRA))
    assert [operation for operation, _, _ in shown(second)] == ["submit", "cancel"]


def test_an_export_is_audited_before_it_is_answered(
    start_bench: Callable[..., Bench], sqlite_url: str, written: list[Write]
) -> None:
    """One of an unknown run is not."""
    bench = start_bench(store=sqlite_url)
    run = get(bench.proxy.submit(bench.write(DELAYED)))
    get(bench.proxy.cancel(run.id))
    with pytest.raises(UnknownRun):
        get(bench.proxy.export("nothing", by=MIRA))
    get(bench.proxy.export(run.id))
    get(bench.proxy.export(run.id, by=MIRA))
    entries = [entry for write in written if isinstance(write, Audited) for entry in write.audit]
    assert [entry.operation for entry in entries if isinstance(entry, AuditEntry)] == ["export"]
    assert shown(bench) == [("export", run.id, "done")]


def test_a_prune_is_audited_before_it_deletes(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """The entry says which runs were to be deleted."""
    bench = start_bench(store=sqlite_url)
    run = get(bench.proxy.submit(bench.write(DELAYED)))
    get(bench.proxy.cancel(run.id))
    outcome_of(run)
    assert get(bench.proxy.prune(older_than_seconds=3600.0, keep=7, by=MIRA)) == 0
    assert get(bench.proxy.prune(keep=0)) == 1
    assert shown(bench) == [("prune", "runs that ended more than 3600 s ago, all but 7 runs", "done")]


def test_quarantined_runs_are_audited_too(
    start_bench: Callable[..., Bench], sqlite_url: str, written: list[Write]
) -> None:
    """They have no supervisor that would write the entry."""
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as store:
        runs = [Conducted(store, ENDLESS).id for _ in range(2)]
        noted = tuple(
            Suspicion(run_id=run_id, noted_at=1.0, quarantined_at=1.0, reason="quarantined: poison") for run_id in runs
        )
        store.writer.write([Suspicions(noted=noted)])
    bench = start_bench(store=sqlite_url)
    get(bench.proxy.host.recovered())
    get(bench.proxy.cancel(runs[0], by=MIRA))
    get(bench.proxy.recover(runs[1], by=MIRA))
    assert shown(bench) == [("cancel", runs[0], "done"), ("recover", runs[1], "done")]
    assert {run_of(write) for write in written if write.audit} == {runs[0], None}
    get(bench.proxy.cancel(runs[1]))


def test_old_entries_go_by_the_retention(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """Runs stay where only the audit has a limit."""
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as store:
        store.writer.write([Audited((*MIRA.asks("old", "x", 1.0), *MIRA.asks("new", "x", time.time())))])
    bench = start_bench(store=sqlite_url, retain_audit_days=1)
    journal = get(bench.proxy.host.services()).journal
    # Passes are made in turn: this one ends behind the retention's own, which the engine asked for at its start.
    answer, reply = Deferred(), pykka.ThreadingFuture[int]()
    answer.subscribe(reply, set())
    journal._journal.tell(PruneRuns(PruneAudit(2.0), answer))
    assert get(reply) == 0
    assert [operation for operation, _, _ in shown(bench)] == ["new"]


def test_a_retention_is_not_negative(start_bench: Callable[..., Bench]) -> None:
    """As for runs."""
    with pytest.raises(ValueError, match="retain_audit_days must be at least 0, got -1"):
        start_bench(retain_audit_days=-1)


def test_the_end_and_the_history_of_a_run_name_who_has_cancelled(
    start_bench: Callable[..., Bench], tmp_path: Any
) -> None:
    """The run, or one of its tasks. A program that has the engine has no name."""
    bench = start_bench(store=f"sqlite:///{tmp_path}/cancelled.db")
    for by, named, said in ((MIRA, {"by": "mira"}, " by mira"), (None, {}, "")):
        run, other = bench.submit(FAN_OUT), bench.submit(FAN_OUT)
        get(bench.proxy.cancel_task(other.id, "wait", by=by))
        outcome_of(other)
        page = get(bench.proxy.history(other.id, kind="task_cancel_requested"))
        at = page["entries"][0]["at"]
        number = page["entries"][0]["number"]
        assert page["entries"] == [
            {"number": number, "type": "task_cancel_requested", "task": "wait", "at": at, "visit": None, **named}
        ]
        get(bench.proxy.cancel(run.id, by=by))
        assert outcome_of(run).status == "cancelled"
        ended = get(bench.proxy.why(run.id))[0]
        assert ended["text"] == f"the run was cancelled{said} at {ended['since']}"
        assert ended["cancelled"] == get(bench.proxy.run(run.id))["cancelled"]
