"""Where the calls of a run go: to the pool that the definition names, to the default pool, or nowhere."""

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import action
from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Mailbox
from stretto.actors.pools import Pool, PoolOptions, UnknownPool, ending, scheduler
from stretto.actors.pools import pools as pools_module
from stretto.definitions.errors import InvalidDefinition
from tests.support.engines import Bench, outcome_of
from tests.support.in_process_pools import WorkerHere
from tests.support.waiting import PATIENCE

STARTED = threading.Semaphore(0)
RELEASE = threading.Event()
GREET = "action: roaming.greet, input: {text: hello}"
ORQUESTA = """version: 1.0
tasks:
  greet:
    action: roaming.greet
    input: {text: hello}
    next: [{do: again}]
  again:
    with: <% list(a, b) %>
    action: roaming.greet
    input: {text: <% item() %>}
"""


@action("roaming.greet")
def greet(text: str) -> str:
    """Return the text."""
    return text


@action("roaming.wait")
def wait() -> str:
    """Return when the test lets it."""
    STARTED.release()
    assert RELEASE.wait(PATIENCE)
    return "done"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The calls that went to pools: the pool, and the action."""
    monkeypatch.setattr(
        pools_module, "_carrier", lambda _name, options: WorkerHere(ActionRegistry.registered(), options.slots)
    )
    calls: list[tuple[str, str]] = []
    perform = Pool.perform

    def noted(pool: Pool, action: Any, call: Any, *rest: Any, **more: Any) -> Any:
        calls.append((pool.name, call.ref))
        return perform(pool, action, call, *rest, **more)

    monkeypatch.setattr(Pool, "perform", noted)
    return calls


@pytest.fixture
def bench(start_bench: Callable[..., Bench], sent: list[tuple[str, str]]) -> Bench:
    """An engine with two pools, one of which is the default."""
    return start_bench(pools={"compute": PoolOptions(), "edge": PoolOptions()}, runs_on="compute")


def test_a_task_that_names_no_pool_runs_in_the_default_one(bench: Bench, sent: list[tuple[str, str]]) -> None:
    """One that names a pool runs there."""
    others = f"{{name: b, {GREET}, runs_on: edge}}, {{name: c, {GREET}, runs_on: \"{{{{ 'here' }}}}\"}}"
    tasks = f"[{{name: a, {GREET}}}, {others}]"
    assert bench.run(f"tasks: {tasks}\n").status == "succeeded"
    assert sorted(sent) == [("compute", "roaming.greet"), ("edge", "roaming.greet")]


def test_a_workflow_may_stay_here(bench: Bench, sent: list[tuple[str, str]]) -> None:
    """With `runs_on: here`."""
    assert bench.run(f"runs_on: here\ntasks: [{{name: a, {GREET}}}]\n").status == "succeeded"
    assert sent == []


def test_a_definition_of_another_dialect_runs_in_the_default_pool(bench: Bench, sent: list[tuple[str, str]]) -> None:
    """It cannot name one."""
    path = bench.folder / "flow.yaml"
    path.write_text(ORQUESTA)
    outcome = bench.proxy.submit(str(path)).get().outcome.get()
    assert outcome.status == "succeeded", outcome.errors
    assert sent == [("compute", "roaming.greet")] * 3


def test_what_never_leaves_stays(
    start_bench: Callable[..., Bench], tmp_path: Path, sent: list[tuple[str, str]]
) -> None:
    """Core actions but for two, and sub-workflows, whose own items leave."""
    (tmp_path / "flows").mkdir()
    child = f'version: "1.0.0"\nref: test.child\ntasks: [{{name: a, {GREET}}}]\n'
    (tmp_path / "flows" / "child.yaml").write_text(child)
    bench = start_bench(definitions=str(tmp_path / "flows"), pools={"compute": PoolOptions()}, runs_on="compute")
    tasks = (
        "[{name: a, action: core.echo, input: {message: x}, next: [{do: [b]}]}, "
        "{name: b, action: core.sleep, input: {seconds: 0.0}, next: [{do: [c]}]}, "
        "{name: c, action: core.local, input: {cmd: 'echo there'}, next: [{do: [d]}]}, {name: d, action: test.child}]"
    )
    assert bench.run(f"tasks: {tasks}\n").status == "succeeded"
    assert sent == [("compute", "core.local"), ("compute", "roaming.greet")]


def test_an_unknown_action_is_refused_as_ever(bench: Bench) -> None:
    """A worker may have it, but a wrong name is likelier. Whoever means that names the pool."""
    with pytest.raises(InvalidDefinition, match=r"there is no action 'roaming\.greeet'"):
        bench.submit("tasks: [{name: a, action: roaming.greeet}]\n")


def test_an_unknown_default_pool_is_refused(start_bench: Callable[..., Bench]) -> None:
    """With the nearest name."""
    with pytest.raises(UnknownPool, match=r"there is no pool 'compite'; did you mean 'compute'"):
        start_bench(pools={"compute": PoolOptions()}, runs_on="compite")


def test_an_item_in_a_pool_has_no_mailbox_and_few_turns_of_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its supervisor starts it, and hands it the end of its call. A turn of its own would cost as much as the call."""
    mailboxes: Counter[str] = Counter()
    made = Mailbox.open

    def noted(mailbox: Any, owner: Any, *rest: Any) -> None:
        mailboxes[type(owner).__name__] += 1
        made(mailbox, owner, *rest)

    monkeypatch.setattr(Mailbox, "open", noted)
    tasks = f'[{{name: a, {GREET}, with_items: "{{{{ range(500) }}}}"}}]'
    assert bench.run(f"tasks: {tasks}\n").status == "succeeded"
    assert mailboxes["RunSupervisor"] == 1
    assert mailboxes["ItemActor"] == 0


def test_an_item_in_a_pool_with_a_timeout_ends_as_well(bench: Bench) -> None:
    """The begin of its call comes from the pool's thread, which makes its mailbox."""
    tasks = f'[{{name: a, {GREET}, timeout: 60, with_items: "{{{{ range(50) }}}}"}}]'
    assert bench.run(f"tasks: {tasks}\n").status == "succeeded"


def test_an_item_whose_call_has_ended_before_it_was_cancelled_has_succeeded(
    start_bench: Callable[..., Bench], sent: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end waits for the run's supervisor behind the cancel. A run that is started anew must not do it again."""
    assert sent == []
    bench, cancel, report = start_bench(pools={"compute": PoolOptions()}), Pool.cancel, ending.report_ends
    reported = threading.Event()

    def report_and_tell(ended: Any) -> None:
        report(ended)
        reported.set()

    def cancel_late(pool: Pool, pooled: Any) -> bool:
        RELEASE.set()
        assert reported.wait(PATIENCE)
        return cancel(pool, pooled)

    monkeypatch.setattr(scheduler, "report_ends", report_and_tell)
    monkeypatch.setattr(Pool, "cancel", cancel_late)
    RELEASE.clear()
    handle = bench.submit(
        "cancellation_policy: cancel_running\ntasks: [{name: a, action: roaming.wait, runs_on: compute}]\n"
    )
    assert STARTED.acquire(timeout=PATIENCE)
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    outcome = outcome_of(handle)
    assert (outcome.status, outcome.errors) == ("cancelled", [])
