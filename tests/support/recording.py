"""What is recorded of runs, made for tests of stores."""

import itertools
from typing import Any

from stretto.actors.journal.records import Entry, Happened, RunAccepted
from stretto.definitions.conductor import Failure, ItemCompleted
from stretto.definitions.context import NO_ENVIRONMENT
from stretto.definitions.data.frozen import FrozenDict, freeze
from stretto.definitions.dialects import read_workflow
from stretto.definitions.model.workflow import Workflow

_numbers = itertools.count(1)

TEXT = """
ref: tests.probe
version: "1.0.0"
parameters:
  hosts: {type: array, default: []}
tasks:
  - name: probe
    action: core.noop
    with_items: "{{ parameters.hosts }}"
"""


def probing(ref: str = "tests.probe") -> Workflow:
    """Return a workflow of one task with items."""
    return read_workflow(TEXT.replace("tests.probe", ref), "probe.yaml")


PROBING = probing()


def new_id() -> str:
    """Return the id of a run that there is not yet."""
    return f"run-{next(_numbers):06}"


def data(value: dict[str, Any]) -> FrozenDict:
    """Return an object, frozen."""
    frozen = freeze(value)
    assert isinstance(frozen, FrozenDict)
    return frozen


def acceptance(run_id: str | None = None, **given: Any) -> RunAccepted:
    """Return that a run was accepted; what is not given is of no matter."""
    usual: dict[str, Any] = {
        "run_id": run_id or new_id(),
        "workflow": PROBING,
        "parameters": data({"hosts": ["a", "b"]}),
        "surroundings": NO_ENVIRONMENT,
        "accepted_at": 1000.0,
        "secret": False,
    }
    return RunAccepted(**{**usual, **given})


def happening(run_id: str, *entries: Entry, first: int = 0, **given: Any) -> Happened:
    """Return that this happened to a run."""
    return Happened(**{"run_id": run_id, "first": first, "entries": entries, "secret": False, **given})


def completed(index: int = 0, result: Any = None, task: str = "probe", **given: Any) -> ItemCompleted:
    """Return that an item has succeeded, or what is given."""
    usual: dict[str, Any] = {"visit": 1, "attempt": 1, "outcome": "succeeded", "failure": None, "at": 1001.0}
    return ItemCompleted(**{"task": task, "index": index, "result": freeze(result), **usual, **given})


def failed(index: int = 0, outcome: str = "failed", **given: Any) -> ItemCompleted:
    """Return that an item has not succeeded."""
    return completed(index, outcome=outcome, failure=Failure("failed", "it said no"), **given)
