"""Quarantined runs: no engine replays them, nor what waits with them, until they are recovered or cancelled."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from stretto.actors.engine.core import EngineCore
from stretto.actors.history import reports
from stretto.actors.history.replay import Replay
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.records import Suspicion, Suspicions
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import EngineStopping, UnknownRun
from stretto.definitions.conductor import CancelRequested, IllegalTransition
from tests.support.conducted import Conducted
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

TOP = "ref: quarantined.top\ntasks: [{name: call, action: quarantined.middle}]\n"
MIDDLE = "ref: quarantined.middle\ntasks: [{name: call, action: quarantined.leaf}]\noutput_map: {got: 1}\n"
LEAF = "ref: quarantined.leaf\ntasks: [{name: only, action: core.noop}]\n"
DELAYED = "ref: quarantined.delayed\ntasks: [{name: only, delay: 3600, action: core.noop}]\n"
REASON = "quarantined: it is poison"


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """Return a store to be filled as an earlier engine has; to be closed before one is started."""
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as opened:
        yield opened


@pytest.fixture
def start(start_bench: Callable[..., Bench], tmp_path: Path, sqlite_url: str) -> Callable[..., Bench]:
    folder = tmp_path / "definitions"
    folder.mkdir()
    for name, definition in (("middle", MIDDLE), ("leaf", LEAF)):
        (folder / f"{name}.yaml").write_text(f'version: "1.0.0"\n{definition}')

    def started() -> Bench:
        bench = start_bench(store=sqlite_url, definitions=str(folder))
        bench.proxy.host.recovered().get(timeout=PATIENCE)
        return bench

    return started


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> list[Replay]:
    """Return the replays that have begun."""
    begun: list[Replay] = []
    make = Replay.__init__

    def noted(replay: Replay, *given: Any) -> None:
        begun.append(replay)
        make(replay, *given)

    monkeypatch.setattr(Replay, "__init__", noted)
    return begun


class Family:
    """A run whose child is quarantined, with a child of its own."""

    def __init__(self, store: Store) -> None:
        self.top = Conducted(store, TOP)
        self.middle = Conducted(store, MIDDLE, parent=self.top, of_item=("call", 0))
        self.leaf = Conducted(store, LEAF, parent=self.middle, of_item=("call", 0))
        quarantine(store, self.middle.id)


def quarantine(store: Store, run_id: str) -> None:
    noted = Suspicion(run_id=run_id, noted_at=2000.0, crashes=2, quarantined_at=2000.0, reason=REASON)
    store.writer.write([Suspicions(noted=(noted,))])


def ended(bench: Bench, run_id: str) -> Any:
    return outcome_of(bench.proxy.handle(run_id).get(timeout=PATIENCE))


def gauge(bench: Bench) -> float | None:
    registry = bench.proxy.host.services().get(timeout=PATIENCE).instruments.registry
    value: float | None = registry.get_sample_value("stretto_runs_quarantined")
    return value


def test_a_quarantined_run_and_those_below_it_are_parked(
    store: Store, start: Callable[..., Bench], replayed: list[Replay]
) -> None:
    """Reports give the reason, and replay none of them. The parent waits, and knows for which run."""
    family = Family(store)
    other = Conducted(store, LEAF)
    store.close()
    bench = start()
    assert ended(bench, other.id).status == "succeeded"
    assert len(replayed) == 2, "the other run and the parent"
    assert bench.proxy.run_ids().get(timeout=PATIENCE) == (family.top.id,)
    assert gauge(bench) == 1
    for run in (family.middle, family.leaf):
        (wait,) = bench.proxy.why(run.id).get(timeout=PATIENCE)
        expected = {"kind": "quarantined", "text": REASON, "since": "1970-01-01T00:33:20Z", "run": family.middle.id}
        assert wait == expected
        shown = bench.proxy.run(run.id).get(timeout=PATIENCE)
        assert (shown["quarantine"]["run"], shown["quarantine"]["reason"]) == (family.middle.id, REASON)
    assert bench.proxy.status(family.middle.id).get(timeout=PATIENCE)["status"] == "quarantined"
    assert bench.proxy.status(family.leaf.id).get(timeout=PATIENCE)["status"] == "running"
    listed = bench.proxy.runs(status="quarantined").get(timeout=PATIENCE)["runs"]
    assert [each["id"] for each in listed] == [family.middle.id]
    assert "quarantine" not in bench.proxy.run(family.top.id).get(timeout=PATIENCE)
    kinds = {each["kind"]: each for each in bench.proxy.why(family.top.id).get(timeout=PATIENCE)}
    assert kinds["quarantined_child"]["run"] == family.middle.id
    assert len(replayed) == 2


def test_a_quarantined_run_takes_no_other_requests(store: Store, start: Callable[..., Bench]) -> None:
    """The error says why, and what to do; that of a run below it names the quarantined one."""
    family = Family(store)
    store.close()
    bench = start()
    with pytest.raises(IllegalTransition, match=f"cannot pause the run {family.middle.id}: it is quarantined: it is p"):
        bench.proxy.pause(family.middle.id).get(timeout=PATIENCE)
    for request, verb in ((bench.proxy.cancel, "cancel"), (bench.proxy.recover, "recover")):
        with pytest.raises(IllegalTransition, match=f"cannot {verb} .* waits for the run {family.middle.id} above it"):
            request(family.leaf.id).get(timeout=PATIENCE)
    with pytest.raises(IllegalTransition, match="it is not quarantined"):
        bench.proxy.recover(family.top.id).get(timeout=PATIENCE)
    with pytest.raises(UnknownRun):
        bench.proxy.recover("none").get(timeout=PATIENCE)
    bench.proxy.prune(keep=0).get(timeout=PATIENCE)
    assert bench.proxy.run(family.middle.id).get(timeout=PATIENCE)["status"] == "quarantined"


def test_a_recovered_run_continues_with_its_family(store: Store, start: Callable[..., Bench]) -> None:
    """As if it had never been quarantined."""
    family = Family(store)
    store.close()
    bench = start()
    bench.proxy.recover(family.middle.id).get(timeout=PATIENCE)
    assert ended(bench, family.top.id).status == "succeeded"
    assert ended(bench, family.leaf.id).status == "succeeded"
    assert ended(bench, family.middle.id).output == {"got": 1}
    assert gauge(bench) == 0
    with pytest.raises(IllegalTransition, match="it is not quarantined"):
        bench.proxy.recover(family.middle.id).get(timeout=PATIENCE)


def test_a_cancelled_run_ends_without_a_replay(
    store: Store, start: Callable[..., Bench], replayed: list[Replay], sqlite_url: str
) -> None:
    """The run below it is cancelled by its own policy, the parent continues, and no later reader replays the run."""
    family = Family(store)
    store.close()
    bench = start()
    bench.proxy.cancel(family.middle.id).get(timeout=PATIENCE)
    assert ended(bench, family.leaf.id).status == "cancelled"
    (error,) = ended(bench, family.top.id).errors
    assert error["message"] == f"the run {family.middle.id} was cancelled"
    assert len(replayed) == 2, "the parent and the leaf"
    assert gauge(bench) == 0
    with pytest.raises(IllegalTransition, match=r"it has ended \(cancelled\)"):
        bench.proxy.cancel(family.middle.id).get(timeout=PATIENCE)
    bench.proxy.stop().get(timeout=PATIENCE)
    reader = open_reader(sqlite_url, keyring_for(sqlite_url, None))
    before = len(replayed)
    assert reports.status_of(reader, family.middle.id)["status"] == "cancelled"
    assert reports.show_run(reader, family.middle.id)["output"] is None
    assert len(replayed) == before
    reader.close()


def test_a_cancelled_parent_cancels_its_quarantined_child(store: Store, start: Callable[..., Bench]) -> None:
    """The child ends unevaluated."""
    family = Family(store)
    store.close()
    bench = start()
    bench.proxy.cancel(family.top.id).get(timeout=PATIENCE)
    assert {ended(bench, run.id).status for run in (family.top, family.middle, family.leaf)} == {"cancelled"}


def test_a_child_gets_what_its_parent_requested_meanwhile(store: Store, start: Callable[..., Bench]) -> None:
    """A parent that was cancelled before the engine started has its quarantined child cancelled, too."""
    family = Family(store)
    family.top.on(CancelRequested(1500.0))
    store.close()
    bench = start()
    assert {ended(bench, run.id).status for run in (family.top, family.middle, family.leaf)} == {"cancelled"}


def test_a_quarantine_above_another_one_is_left_first(store: Store, start: Callable[..., Bench]) -> None:
    """A run whose parent is still quarantined waits for it."""
    family = Family(store)
    quarantine(store, family.leaf.id)
    store.close()
    bench = start()
    assert gauge(bench) == 2
    bench.proxy.recover(family.leaf.id).get(timeout=PATIENCE)
    (wait,) = bench.proxy.why(family.leaf.id).get(timeout=PATIENCE)
    assert wait["run"] == family.middle.id
    bench.proxy.recover(family.middle.id).get(timeout=PATIENCE)
    assert ended(bench, family.top.id).status == "succeeded"


def test_an_engine_that_stops_recovers_nothing(store: Store, start: Callable[..., Bench]) -> None:
    """Quarantined runs do not delay the stop."""
    poison, waiting = Conducted(store, LEAF), Conducted(store, DELAYED, at=time.time())
    quarantine(store, poison.id)
    store.close()
    bench = start()
    stopped = bench.proxy.stop()
    with pytest.raises(EngineStopping):
        bench.proxy.recover(poison.id).get(timeout=PATIENCE)
    bench.proxy.cancel(waiting.id).get(timeout=PATIENCE)
    stopped.get(timeout=PATIENCE)


class Stuck:
    """Holds up the reading of runs, so that engines are still recovering them; `core` is that of the last engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = threading.Semaphore(0)
        self.reading = threading.Semaphore(0)
        self.core: Any = None
        read, compose = SqlReader.accepted, EngineCore.__init__

        def stuck(reader: SqlReader, run_id: str) -> Any:
            self.reading.release()
            assert self.gate.acquire(timeout=PATIENCE)
            return read(reader, run_id)

        def noted(core: EngineCore, *given: Any) -> None:
            compose(core, *given)
            self.core = core

        monkeypatch.setattr(SqlReader, "accepted", stuck)
        monkeypatch.setattr(EngineCore, "__init__", noted)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
    made = Stuck(monkeypatch)
    yield made
    made.gate.release(100)


def test_recoveries_that_are_broken_off_count_like_crashes(
    store: Store, start_bench: Callable[..., Bench], stuck: Stuck, sqlite_url: str
) -> None:
    """After the first one the run is parked until the next engine. After the second one it is quarantined."""
    run = Conducted(store, LEAF)
    store.close()
    for crashes in (1, 2):
        bench = start_bench(store=sqlite_url)
        assert stuck.reading.acquire(timeout=PATIENCE)
        bench.proxy.runs_in_progress().get(timeout=PATIENCE)  # the engine has nothing else to do
        stuck.core.recovery.count_broken(run.id, "its replay was broken off: it took 2 s")
        stuck.gate.release()
        bench.proxy.host.recovered().get(timeout=PATIENCE)
        assert bench.proxy.runs_in_progress().get(timeout=PATIENCE) == 0
        assert gauge(bench) == crashes - 1
        bench.proxy.stop().get(timeout=PATIENCE)
        with contextlib.closing(open_reader(sqlite_url, keyring_for(sqlite_url, None))) as reader:
            (noted,) = reader.suspects()
        assert noted.crashes == crashes
    assert noted.reason == (
        f"quarantined: its replay was broken off: it took 2 s; `stretto runs recover {run.id}` tries again"
    )


@pytest.mark.parametrize("held", ["top", "middle"])
def test_a_drained_engine_gives_up_quarantined_runs(
    start_bench: Callable[..., Bench], tmp_path: Path, postgres_url: str, held: str
) -> None:
    """The next one holds them. The drained one passes requests on, and ends no run of another engine."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    for name, definition in (("middle", MIDDLE), ("leaf", LEAF)):
        (folder / f"{name}.yaml").write_text(f'version: "1.0.0"\n{definition}')
    with open_store(postgres_url, keyring_for(postgres_url, None)) as filled:
        family = Family(filled)
        if held == "top":
            quarantine(filled, family.top.id)
        with filled._ownership.transaction() as connection:
            connection.execute(text("UPDATE runs SET root = :root"), {"root": family.top.id})
    first, second = (start_bench(store=postgres_url, store_lease=30, definitions=str(folder)) for _ in range(2))
    first.proxy.host.recovered().get(timeout=PATIENCE)
    drained = first.proxy.daemons().get(timeout=PATIENCE)[0]["daemon"]
    first.proxy.drain_daemon(drained).get(timeout=PATIENCE)
    while [each["runs"] for each in second.proxy.daemons().get(timeout=PATIENCE)] != [0, 3]:
        pass
    run_id = getattr(family, held).id
    while second.proxy.why(run_id).get(timeout=PATIENCE)[0]["kind"] != "quarantined":
        pass
    assert first.proxy.why(run_id).get(timeout=PATIENCE)[0]["kind"] == "quarantined"
    first.proxy.cancel(run_id).get(timeout=PATIENCE)
    with pytest.raises(IllegalTransition, match="it has ended"):
        second.proxy.cancel(run_id).get(timeout=PATIENCE)
    while second.proxy.status(family.top.id).get(timeout=PATIENCE)["status"] == "running":
        pass  # the run above it has been told
