"""When the engine accepts new runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.catalogue import load_library
from stretto.actors.engine.submission import TooManyRuns
from stretto.actors.outcome import EngineStopping
from stretto.actors.runs import IdempotencyConflict
from stretto.definitions.dialects import read_workflow
from stretto.definitions.errors import UnknownWorkflow
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE

WAITS = 'version: "1.0.0"\nref: submission.waits\ntasks: [{name: wait, action: core.noop, delay: 3600}]\n'
CALLS = 'version: "1.0.0"\nref: submission.calls\ntasks: [{name: call, action: submission.ends}]\n'
ENDS = 'version: "1.0.0"\nref: submission.ends\ntasks: [{name: only, action: core.noop}]\n'


@pytest.fixture
def bench(start_bench: Callable[..., Bench], tmp_path: Any) -> Bench:
    for name, definition in (("waits", WAITS), ("calls", CALLS), ("ends", ENDS)):
        (tmp_path / f"{name}.yaml").write_text(definition)
    return start_bench(definitions=str(tmp_path), max_runs=2)


def test_a_run_above_the_bound_is_refused_and_may_be_repeated(bench: Bench) -> None:
    """The message names the bound and its setting. A run that ends makes room."""
    engine = bench.proxy
    first, _ = [engine.submit("submission.waits").get(timeout=PATIENCE) for _ in range(2)]
    refusal = r"2 runs are in progress, at most 2 may be \(engine.max_runs\): submit it again when some have ended"
    with pytest.raises(TooManyRuns, match=refusal):
        engine.submit("submission.waits").get(timeout=PATIENCE)
    engine.cancel(first.id).get(timeout=PATIENCE)
    first.outcome.get(timeout=PATIENCE)
    engine.submit("submission.waits").get(timeout=PATIENCE)
    with pytest.raises(TooManyRuns):
        engine.rerun(first.id).get(timeout=PATIENCE)


def test_a_sub_workflow_of_an_accepted_run_is_not_refused(bench: Bench) -> None:
    """Its parent was accepted, and would wait for ever."""
    engine = bench.proxy
    engine.submit("submission.waits").get(timeout=PATIENCE)
    run = engine.submit("submission.calls").get(timeout=PATIENCE)
    assert run.outcome.get(timeout=PATIENCE).status == "succeeded"


@pytest.mark.parametrize("in_store", [False, True])
def test_a_known_key_has_its_run_although_no_other_is_accepted(
    start_bench: Callable[..., Bench], tmp_path: Any, in_store: bool
) -> None:
    """Of a submission and of a rerun. Another request with the key is told that, and a new key waits for room."""
    (tmp_path / "waits.yaml").write_text(WAITS)
    (tmp_path / "ends.yaml").write_text(ENDS)
    store = {"store": f"sqlite:///{tmp_path}/s.db"} if in_store else {}
    engine = start_bench(definitions=str(tmp_path), max_runs=1, **store).proxy
    done = engine.submit("submission.ends").get(timeout=PATIENCE)
    done.outcome.get(timeout=PATIENCE)
    again = engine.rerun(done.id, idempotency_key="again").get(timeout=PATIENCE)
    again.outcome.get(timeout=PATIENCE)
    first = engine.submit("submission.waits", idempotency_key="a", labels={"of": "me"}).get(timeout=PATIENCE)

    replayed = engine.submit("submission.waits", idempotency_key="a", labels={"of": "me"}).get(timeout=PATIENCE)
    assert (replayed.id, replayed.replayed) == (first.id, True)
    replayed = engine.rerun(done.id, idempotency_key="again").get(timeout=PATIENCE)
    assert (replayed.id, replayed.replayed) == (again.id, True)
    for other in ({"labels": {"of": "you"}}, {}):
        with pytest.raises(IdempotencyConflict):
            engine.submit("submission.waits", idempotency_key="a", **other).get(timeout=PATIENCE)
    with pytest.raises(IdempotencyConflict):
        engine.rerun(done.id, idempotency_key="again", labels={"of": "me"}).get(timeout=PATIENCE)
    with pytest.raises(TooManyRuns):
        engine.submit("submission.waits", idempotency_key="b").get(timeout=PATIENCE)
    with pytest.raises(TooManyRuns):
        engine.rerun(done.id, idempotency_key="b").get(timeout=PATIENCE)
    with pytest.raises(TooManyRuns):
        engine.rerun(done.id).get(timeout=PATIENCE)
    engine.cancel(first.id).get(timeout=PATIENCE)
    first.outcome.get(timeout=PATIENCE)
    assert not engine.submit("submission.waits", idempotency_key="b").get(timeout=PATIENCE).replayed


def test_a_drained_engine_answers_a_known_key(start_bench: Callable[..., Bench], postgres_url: str) -> None:
    """A client that has lost the answer, and asks the same daemon, must not start a second run at another."""
    first, _second = (start_bench(store=postgres_url, store_lease=30) for _ in range(2))
    workflow = read_workflow(ENDS, "ends.yaml")
    done = first.proxy.submit(workflow, idempotency_key="a").get(timeout=PATIENCE)
    done.outcome.get(timeout=PATIENCE)
    number = next(each["daemon"] for each in first.proxy.daemons().get(timeout=PATIENCE) if each["here"])
    first.proxy.drain_daemon(number).get(timeout=PATIENCE)
    with pytest.raises(EngineStopping, match="drained"):
        first.proxy.submit(workflow, idempotency_key="b").get(timeout=PATIENCE)
    replayed = first.proxy.submit(workflow, idempotency_key="a").get(timeout=PATIENCE)
    assert (replayed.id, replayed.replayed) == (done.id, True)
    with pytest.raises(IdempotencyConflict):
        first.proxy.submit(read_workflow(ENDS + "# other\n", "ends.yaml"), idempotency_key="a").get(timeout=PATIENCE)


def test_a_workflow_that_has_run_is_the_new_one_after_a_reload(bench: Bench, tmp_path: Path) -> None:
    """Its ref is looked up once for all runs, as long as the definitions stay."""
    engine = bench.proxy
    for _ in range(2):
        run = engine.submit("submission.ends").get(timeout=PATIENCE)
        assert run.outcome.get(timeout=PATIENCE).output is None
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "ends.yaml").write_text(f"{ENDS}output_map: {{new: true}}\n")
    library = load_library([str(changed)])
    engine.host.use_definitions(library.catalogue, library.packs).get(timeout=PATIENCE)
    run = engine.submit("submission.ends").get(timeout=PATIENCE)
    assert run.outcome.get(timeout=PATIENCE).output == {"new": True}
    with pytest.raises(UnknownWorkflow, match=r"no workflow 'submission\.waits'"):
        engine.submit("submission.waits").get(timeout=PATIENCE)
