"""Evaluations that their own limits do not end: they are broken off, their runs fail, and everything else goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from stretto.actors import Outcome
from stretto.actors.engine import startup
from stretto.definitions.expressions import scope
from tests.support.harness import PATIENCE, Bed, running_engine, write_workflow

LIMIT = 0.1
OTHERS = "tasks: [{name: echo, action: core.echo, input: {message: fine}}]"

AT_THE_BEGIN = """
vars: {never: "{{ now() }}"}
tasks: [{name: echo, action: core.noop}]
"""
IN_AN_INPUT = """
tasks: [{name: echo, action: core.echo, input: {message: "{{ now() }}"}}]
"""
IN_A_HANDLED_INPUT = """
tasks:
  - {name: echo, action: core.echo, input: {message: "{{ now() }}"}, next: [{when: failed(), do: after}]}
  - {name: after, action: core.echo, input: {message: "handled"}}
output_map: {said: "{{ task.after.result }}"}
"""
IN_A_TRANSITION = """
tasks:
  - {name: echo, action: core.noop, next: [{when: "now() == 1", do: after}]}
  - {name: after, action: core.noop}
"""
IN_A_PUBLISH = """
tasks:
  - {name: echo, action: core.noop, next: [{publish: {x: "{{ now() }}"}, do: after}]}
  - {name: after, action: core.noop}
"""
IN_ITEMS = """
tasks:
  - {name: echo, action: core.noop, next: [{do: after}]}
  - {name: after, action: core.noop, with_items: "{{ [now()] }}"}
"""
IN_THE_OUTPUT = """
tasks: [{name: echo, action: core.noop}]
output_map: {said: "{{ now() }}"}
"""
IN_A_STATEMENT = """
tasks: [{name: echo, action: core.noop}]
output_map: {said: "{% for i in [1] %}{{ now() }}{% endfor %}"}
"""


class Endless:
    """A function of the language, in place of `now`, which never returns and pays for nothing."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, _context: Any) -> Any:
        self.calls += 1
        while True:
            pass


@contextmanager
def endless_now() -> Iterator[Endless]:
    """Let `now()` never return, so that the limits of an evaluation do not end it."""
    endless = Endless()
    with mock.patch.object(scope._RESOLVABLE["now"], "call", endless):
        yield endless


@pytest.fixture(autouse=True)
def _short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "EVALUATION_SECONDS", LIMIT)


@pytest.fixture(params=["memory", "store"])
def bed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    """Run an engine without and with a store."""
    store = None if request.param == "memory" else f"sqlite:///{tmp_path / 'runs.db'}"
    with running_engine(store=store) as running:
        yield running


@pytest.mark.parametrize("definition", [AT_THE_BEGIN, IN_A_TRANSITION, IN_A_PUBLISH, IN_THE_OUTPUT, IN_A_STATEMENT])
def test_the_run_fails_and_others_go_on(bed: Bed, tmp_path: Path, definition: str) -> None:
    """The error names the limit, the expression and its place."""
    others = write_workflow(tmp_path, "others", OTHERS)
    file = write_workflow(tmp_path, "endless", definition)
    with endless_now() as endless:
        run = bed.submit(file)
        other = bed.submit(others)
        outcome: Outcome = run.outcome.get(timeout=PATIENCE)
        assert other.outcome.get(timeout=PATIENCE).status == "succeeded"
    print(outcome)
    assert (outcome.status, outcome.output) == ("failed", None)
    assert [error["code"] for error in outcome.errors] == ["limit_exceeded"]
    assert endless.calls == 1
    assert bed.metrics().value("evaluations_stopped_total") == 1
