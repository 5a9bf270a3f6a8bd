"""A request about a run that the journal has claimed waits until the engine knows the run."""

import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest
from sqlalchemy import text

from stretto.actors.journal.claims import Claimed
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.opening import share_store
from stretto.actors.journal.sql.claims import RunClaims
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store_clock import StoreClock
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.dialects import read_workflow
from tests.support.engines import Bench
from tests.support.recording import acceptance, data
from tests.support.waiting import PATIENCE

LEASE = 3.0
"""An engine claims three times in it."""
SLEEPS = read_workflow(
    'ref: tests.sleeps\nversion: "1.0.0"\ntasks: [{name: a, action: core.sleep, input: {seconds: 1000}}]\n', "a.yaml"
)
Ask = Callable[[Bench, str], pykka.Future[Any]]


def joined(url: str) -> Store:
    """Return the store, opened by one more engine."""
    return share_store(url, None, Lease(LEASE), StoreClock())


@pytest.mark.parametrize(
    "ask",
    [
        lambda bench, run_id: bench.proxy.preview_cancel(run_id),
        lambda bench, run_id: bench.proxy.why(run_id),
        lambda bench, run_id: bench.proxy.pause(run_id),
    ],
    ids=["preview_cancel", "why", "pause"],
)
def test_a_request_between_the_claim_of_a_run_and_its_recovery_is_answered(
    start_bench: Callable[..., Bench], postgres_url: str, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    """The store says that this engine has the run before the engine has heard of the claim."""
    bench = start_bench(store=postgres_url, store_lease=LEASE)
    has_read, has_asked = threading.Semaphore(0), threading.Semaphore(0)
    answers: list[pykka.Future[Any]] = []
    engine_of, claim = SqlReader.engine_of, RunClaims.claim

    def reading(reader: SqlReader, run_id: str) -> Any:
        found = engine_of(reader, run_id)
        has_read.release()
        return found

    def claiming(claims: RunClaims) -> Claimed:
        claimed = claim(claims)
        for each in claimed.unfinished:
            answers.append(ask(bench, each.run_id))
            assert has_read.acquire(timeout=PATIENCE)  # the journal's thread: the engine hears of the claim after this
            has_asked.release()
        return claimed

    monkeypatch.setattr(SqlReader, "engine_of", reading)
    monkeypatch.setattr(RunClaims, "claim", claiming)
    with joined(postgres_url) as left:
        left.writer.write([run := acceptance(workflow=SLEEPS, parameters=data({}))])
    assert has_asked.acquire(timeout=PATIENCE)
    answers[0].get(timeout=PATIENCE)
    assert bench.proxy.status(run.run_id).get(timeout=PATIENCE)["status"] in {"running", "pausing", "paused"}


def test_a_run_that_the_engine_could_not_recover_is_refused(
    start_bench: Callable[..., Bench], postgres_url: str
) -> None:
    """It is asked for once more, and not again and again."""
    bench = start_bench(store=postgres_url, store_lease=LEASE)
    with joined(postgres_url) as other:
        other.writer.write([run := acceptance()])
        with other._ownership.transaction() as connection:
            owner = text("UPDATE runs SET owner = (SELECT min(number) FROM engines) WHERE id = :run")
            connection.execute(owner, {"run": run.run_id})
        with pytest.raises(IllegalTransition, match="the engine could not recover it"):
            bench.proxy.cancel(run.run_id).get(timeout=PATIENCE)
        with pytest.raises(IllegalTransition, match="the engine could not recover it"):
            bench.proxy.why(run.run_id).get(timeout=PATIENCE)
