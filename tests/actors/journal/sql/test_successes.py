"""The last successes of workflows, as a daemon reads them at its start, in each kind of store."""

from stretto.actors.journal.records import Ending
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import SUCCESSES_AMONG
from stretto.definitions.data.frozen import EMPTY_LIST
from stretto.definitions.model import Workflow
from tests.support.recording import acceptance, happening, new_id, probing

NIGHTLY = probing("tests.nightly")
HOURLY = probing("tests.hourly")


def run(store: Store, workflow: Workflow, *ends: tuple[str, float]) -> None:
    """Write a run for each end, one after the other."""
    ids = [new_id() for _ in ends]
    store.writer.write([acceptance(each, workflow=workflow) for each in ids])
    store.writer.write(
        [
            happening(each, ending=Ending(status, None, EMPTY_LIST, at), status=status)
            for each, (status, at) in zip(ids, ends, strict=True)
        ]
    )


def test_each_workflow_has_the_end_of_its_last_success(store: Store) -> None:
    """Failures after it, runs in progress and other workflows do not count."""
    run(store, NIGHTLY, ("succeeded", 10.0), ("succeeded", 20.0), ("failed", 30.0), ("cancelled", 40.0))
    run(store, HOURLY, ("failed", 50.0))
    store.writer.write([acceptance(workflow=NIGHTLY)])
    wanted = ["tests.nightly", "tests.hourly", "tests.unknown", "bad \ud800 name"]
    assert store.reader.last_successes(wanted) == {"tests.nightly": 20.0}
    assert store.reader.last_successes([]) == {}


def test_only_the_newest_runs_of_a_workflow_are_searched(store: Store) -> None:
    """A workflow that has failed for ever must not keep a daemon from its start."""
    run(store, NIGHTLY, ("succeeded", 1.0), ("succeeded", 2.0), *[("failed", 3.0)] * (SUCCESSES_AMONG - 1))
    assert store.reader.last_successes(["tests.nightly"]) == {"tests.nightly": 2.0}
    run(store, NIGHTLY, ("failed", 4.0))
    assert store.reader.last_successes(["tests.nightly"]) == {}
