"""The needs of a run: actions, workflows, pools, and the host of its files."""

import sys
from collections.abc import Iterator

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Clock, Deferred, Dispatcher, SparseFuture, Timers
from stretto.actors.files import FileAccess, FileThreads
from stretto.actors.journal import NoJournal
from stretto.actors.outcome import RunHandle
from stretto.actors.pools import CallPolicy, PoolOptions, Pools
from stretto.actors.runners import Runners
from stretto.actors.runs.needs import needs_of
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.definitions import read_workflow
from stretto.metrics import Instruments
from tests.support import known_actions

KNOWN = sorted(ref for ref in ActionRegistry.registered("refuse").refs() if not ref.startswith("core."))
WITH_FILES = """
version: "1.0.0"
parameters: {{path: {{type: string}}}}
tasks:
  - name: each
    action: core.noop
    with_items: {{lines: "{items}"}}
    results: {{jsonl: "{results}"}}
"""
SHARED = "/mnt/share"


class SharedJournal(NoJournal):
    """The journal of an engine of a shared store."""

    is_shared = True


@pytest.fixture
def services() -> Iterator[Services]:
    """Return the services of an engine that shares its store."""
    clock, dispatcher = Clock.start(), Dispatcher(1)
    files = FileThreads(FileAccess(shared=[SHARED], host="web1"))
    runners = Runners(threads=1)
    pools = Pools({"compute": PoolOptions()}, CallPolicy(max_retry_after=1.0, max_http_connections=1))
    made = Services(
        dispatcher, Timers(clock), runners, ActionRegistry.registered("refuse"), Instruments(), files=files, pools=pools
    )
    made.journal = SharedJournal()
    yield made
    runners.stop()
    files.stop()
    dispatcher.stop()
    clock.stop()


def request(text: str, *nested: str) -> RunRequest:
    workflow = read_workflow(text, "a.yaml")
    made = RunRequest(workflow, {}, RunHandle("run", workflow.ref, SparseFuture()), Deferred())
    made.nested = frozenset(nested)
    return made


def test_a_run_needs_the_names_of_its_definition_that_are_known_here(services: Services) -> None:
    """Its own engine would fail the items of all others, too. All engines have the core actions."""
    assert known_actions.__name__ in sys.modules  # it has registered them
    text = f"""
version: "1.0.0"
tasks:
  - {{name: a, action: {KNOWN[0]}}}
  - {{name: b, action: needs.child}}
  - {{name: c, action: needs.unknown}}
  - {{name: d, action: core.noop, runs_on: compute}}
  - {{name: e, action: core.noop, runs_on: nowhere}}
  - {{name: f, action: core.noop, runs_on: here}}
"""
    found = needs_of(services, request(text, "needs.child"))
    assert found == {f"action {KNOWN[0]}", "action needs.child", "pool compute"}
    services.journal = NoJournal()
    assert needs_of(services, request(text, "needs.child")) == frozenset()


@pytest.mark.parametrize(
    ("items", "results", "pins"),
    [
        (f"{SHARED}/a", f"{SHARED}/b", False),
        (f"{SHARED}/a-{{{{ parameters.path }}}}", f"{SHARED}/b", False),
        (f"{SHARED}/a", "/srv/b", True),
        (f"{SHARED}er/a", f"{SHARED}/b", True),
        (f"{SHARED}/../a", f"{SHARED}/b", True),
        (f"{SHARED}/a", "{{ parameters.path }}", True),
        ("a", f"{SHARED}/b", True),
    ],
)
def test_files_pin_a_run_unless_all_are_written_below_a_shared_folder(
    services: Services, items: str, results: str, *, pins: bool
) -> None:
    """A path with an expression is shared as far as its beginning says so."""
    found = needs_of(services, request(WITH_FILES.format(items=items, results=results)))
    assert found == ({"host web1"} if pins else frozenset())
