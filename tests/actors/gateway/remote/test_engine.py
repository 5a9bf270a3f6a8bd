"""One engine, several doors: its methods, outcomes and errors are the same through each of them."""

import inspect
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pykka
import pytest

from stretto.actors import (
    AsyncRemoteEngine,
    BlockingEngine,
    BlockingRemoteEngine,
    ClientClosed,
    DaemonUnreachable,
    Engine,
    InvalidPriority,
    Outcome,
    RemoteEngine,
    RequestRefused,
    RunNotEnded,
    UnknownItem,
    UnknownRun,
    action,
    connect,
)  # fmt: skip
from stretto.actors.access import access_of_store
from stretto.actors.journal import keyring_for, open_store
from stretto.actors.operations import ROUTES, definition_requests
from stretto.definitions import UnknownWorkflow, read_workflow, thaw
from tests.support.access import ADMIN
from tests.support.async_doors import AsyncDoor
from tests.support.gateways import Opened, opened_gateway
from tests.support.waiting import PATIENCE, drain

DEFINITIONS: Final = {
    "greet": """
version: "1.0.0"
ref: doors.greet
parameters: {name: {type: string, required: true}}
tasks:
  - {name: say, action: core.echo, input: {message: "Hello, {{ parameters.name }}!"}}
output_map: {said: "{{ task.say.result }}"}
""",
    "fan_out": """
version: "1.0.0"
ref: doors.fan_out
timeout: 7200
cancellation_policy: cancel_running
tasks:
  - name: wait
    action: doors.gate
    with_items: [1, 2, 3]
    concurrency: 1
""",
    "print": """
version: "1.0.0"
ref: doors.print
parameters: {gate: {type: string, required: true}}
tasks:
  - {name: talk, action: core.local, input: {argv: [sh, -c, "echo begun; cat {{ parameters.gate }}"]}}
""",
    "fail": """
version: "1.0.0"
ref: doors.fail
tasks:
  - {name: fail, action: core.fail, input: {message: "no"}}
""",
}
GATE: Final = threading.Semaphore(0)
ARRIVED: Final = threading.Semaphore(0)


@action("doors.gate")
def gate() -> bool:
    """Tell that it has begun, and wait until the test lets one go on."""
    ARRIVED.release()
    return GATE.acquire(timeout=PATIENCE)


def a_run_has_begun() -> None:
    """Wait until an item waits at the gate."""
    assert ARRIVED.acquire(timeout=PATIENCE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the module's engine."""
    return tmp_path_factory.mktemp("doors")


@pytest.fixture(scope="module")
def token(folder: Path) -> str:
    """A token that may do everything, made before the engine opens its store."""
    url = f"sqlite:///{folder}/store.db"
    store = open_store(url, keyring_for(url, None))
    access = access_of_store(store)
    made = access.create_token("doors", "admin", by=ADMIN).result(PATIENCE)
    access.close()
    store.close()
    return made.text


@pytest.fixture(scope="module")
def opened(folder: Path, token: str) -> Iterator[Opened]:
    """An engine with a store, and a gateway to it."""
    drain(GATE, ARRIVED)  # of an earlier engine: the tests of a module may come in two portions
    definitions = folder / "definitions"
    definitions.mkdir()
    for name, text in DEFINITIONS.items():
        (definitions / f"{name}.yaml").write_text(text)
    with opened_gateway(folder, definitions=definitions, store=f"sqlite:///{folder}/store.db") as gateway:
        yield gateway
        for _ in range(100):  # what a failed test has left at the gate
            GATE.release()


REMOTE_DOORS: Final[dict[str, Callable[[Opened, str], RemoteEngine]]] = {
    "socket": lambda opened, _token: connect(opened.client.url),
    "port": lambda opened, token: connect(opened.url, token),
}
"""The doors of other processes."""
ASYNC_DOORS: Final[dict[str, Callable[[Opened, str], AsyncDoor]]] = {
    "socket, async": lambda opened, _token: AsyncDoor(opened.client.url),
    "port, async": lambda opened, token: AsyncDoor(opened.url, token),
}
"""The same for asyncio programs."""
ELSEWHERE_DOORS: Final[dict[str, Callable[[Opened, str], Any]]] = {**REMOTE_DOORS, **ASYNC_DOORS}
DOORS: Final = ("actor", *ELSEWHERE_DOORS)


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, opened: Opened, token: str) -> Iterator[Any]:
    """The engine's methods, which return futures."""
    if request.param == "actor":
        yield opened.engine.proxy()
        return
    with ELSEWHERE_DOORS[request.param](opened, token) as engine:
        yield engine


@pytest.fixture(params=ELSEWHERE_DOORS)
def elsewhere(request: pytest.FixtureRequest, opened: Opened, token: str) -> Iterator[Any]:
    """The engine from another process, with futures or in an event loop."""
    with ELSEWHERE_DOORS[request.param](opened, token) as engine:
        yield engine


@pytest.fixture(params=REMOTE_DOORS)
def remote(request: pytest.FixtureRequest, opened: Opened, token: str) -> Iterator[RemoteEngine]:
    """The engine from another process."""
    with REMOTE_DOORS[request.param](opened, token) as engine:
        yield engine


def public_methods(owner: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(owner, inspect.isfunction)
        if not name.startswith("_")
    }


def names_of(signature: inspect.Signature) -> list[tuple[str, Any, Any]]:
    return [
        (each.name, each.kind, each.default)
        for each in signature.parameters.values()
        # An actor here, what a client cannot choose, and of that the part that it can.
        if each.name not in {"watcher", "origin", "by", "note"}
    ]


DAEMONS = {"follow_output", "run_graph", "definition_graph"}
"""The requests that a daemon answers, and no engine's method."""
ELSEWHERE = {
    "create_enter_code", "create_token", "describe", "describe_api", "log_in", "log_out", "me",
    "send_event", "send_to_hook", "send_to_webhook",
    "item_result", "outcome_of", "revoke_token", "run_inputs", "run_output", "tokens", "watch_all",
    *({str(each.__struct_config__.tag) for each in definition_requests.ALL} - DAEMONS),
}  # fmt: skip
"""The requests that are not to an engine's method, nor to a method of clients."""


def test_it_has_the_engines_methods_with_the_same_arguments() -> None:
    """All with a route, `workflows`, which are definitions, and `handle`; the facades differ by those alone, too."""
    ours, engines = public_methods(RemoteEngine), public_methods(Engine)
    shared = ours.keys() & engines.keys()
    assert ours.keys() - shared == {"close", "blocking"} | DAEMONS
    for name in shared:
        assert names_of(ours[name]) == names_of(engines[name]), name
    tags = {str(route.request.__struct_config__.tag) for route in ROUTES}
    assert shared | DAEMONS == tags - ELSEWHERE | {"handle", "workflows"}
    twin = public_methods(AsyncRemoteEngine)
    assert twin.keys() == shared | DAEMONS | {"close"}
    for name in shared | DAEMONS:
        assert names_of(twin[name]) == names_of(ours[name]), name
        assert inspect.iscoroutinefunction(getattr(AsyncRemoteEngine, name)) or name in {"watch", "follow_output"}
    blocking, facade = public_methods(BlockingRemoteEngine), public_methods(BlockingEngine)
    assert blocking.keys() == shared | DAEMONS | {"show_run", "wait", "close"}
    for name in blocking.keys() - {"close"}:
        assert names_of(blocking[name]) == names_of((ours if name in DAEMONS else facade)[name]), name


def test_each_change_takes_a_note() -> None:
    """In process it is a part of who asks."""
    engines = public_methods(Engine)
    for owner in (RemoteEngine, AsyncRemoteEngine, BlockingRemoteEngine):
        ours = public_methods(owner)
        audited = {name for name in ours.keys() & engines.keys() if "by" in engines[name].parameters}
        changes = audited - {"export", "key_value", "run_counts", "runs"}
        of_facade = {"run"} if owner is BlockingRemoteEngine else set()
        assert {name for name, each in ours.items() if "note" in each.parameters} == changes | of_facade


def test_a_run_from_its_submission_to_its_outcome(door: Any) -> None:
    """Its handle has the outcome, and so has a handle that is asked for later."""
    handle = door.submit("doors.greet", {"name": "Ada"}, labels={"team": "a"}).get(timeout=PATIENCE)
    assert handle.workflow == "doors.greet"
    outcome = handle.outcome.get(timeout=PATIENCE)
    assert outcome == Outcome("succeeded", outcome.output, outcome.errors)
    assert (outcome.output, outcome.errors) == ({"said": "Hello, Ada!"}, [])
    assert handle.outcome.get(timeout=0) is outcome
    again = door.handle(handle.id).get(timeout=PATIENCE)
    assert (again.id, again.workflow) == (handle.id, handle.workflow)
    assert again.outcome.get(timeout=PATIENCE) == outcome
    status = door.status(handle.id).get(timeout=PATIENCE)
    assert (status["status"], status["tasks"]["say"]["items"]["succeeded"]) == ("succeeded", 1)


def test_a_run_has_the_priority_that_it_is_given(elsewhere: Any) -> None:
    """Any other word is refused, by each door in the same words."""
    run = elsewhere.submit("doors.greet", {"name": "Ada"}, priority="high").get(timeout=PATIENCE)
    run.outcome.get(timeout=PATIENCE)
    assert elsewhere.run(run.id).get(timeout=PATIENCE)["priority"] == "high"
    with pytest.raises(InvalidPriority, match="must be one of low, normal, high, urgent, got 'hi'"):
        elsewhere.submit("doors.greet", {"name": "Ada"}, priority="hi").get(timeout=PATIENCE)


def test_the_states_of_a_run(remote: RemoteEngine, opened: Opened, token: str) -> None:
    """Whole ones, until its end, which has the outcome; the same from all who can watch."""
    run = remote.submit("doors.fan_out").get(timeout=PATIENCE)
    a_run_has_begun()
    states = run.watch()
    first = next(states)
    assert (first["run"], first["workflow"], first["status"]) == (run.id, "doors.fan_out", "running")
    assert first["tasks"]["wait"]["items"]["running"] == 1
    assert first["items"] == {"wait": {"running": [0]}}
    for _ in range(3):
        GATE.release()
    for _ in range(2):
        a_run_has_begun()
    *_, last = states
    assert (last["status"], last["output"], last["errors"]) == ("succeeded", None, [])
    assert last["items"] == {"wait": {"succeeded": [[0, 2]]}}
    assert list(remote.blocking().watch(run.id))[-1]["status"] == "succeeded"
    with AsyncDoor(opened.url, token) as door:
        assert door.handle(run.id).get(timeout=PATIENCE).watch()[-1]["tasks"] == last["tasks"]


def test_a_run_that_fails(door: Any) -> None:
    """Its errors are in its outcome; a rerun is a run of its own."""
    failed = door.submit("doors.fail").get(timeout=PATIENCE)
    outcome = failed.outcome.get(timeout=PATIENCE)
    assert (outcome.status, outcome.output, outcome.errors[0]["task"]) == ("failed", None, "fail")
    again = door.rerun(failed.id, "failed_tasks").get(timeout=PATIENCE)
    assert again.id != failed.id
    assert again.outcome.get(timeout=PATIENCE).status == "failed"


def test_a_definition_of_the_clients_own(door: Any, tmp_path: Path) -> None:
    """By its file here, or as it was read."""
    path = tmp_path / "own.yaml"
    path.write_text(DEFINITIONS["greet"].replace("doors.greet", "own.greet"))
    for own in (str(path), path, read_workflow(path.read_text(), str(path))):
        handle = door.submit(own, {"name": "Bo"}).get(timeout=PATIENCE)
        assert handle.workflow == "own.greet"
        assert handle.outcome.get(timeout=PATIENCE).output == {"said": "Hello, Bo!"}


def test_a_key_gives_the_same_run(door: Any) -> None:
    """A request without a key is a new one each time."""
    key = f"key-{uuid.uuid4()}"
    first, second = (
        door.submit("doors.greet", {"name": "Ada"}, idempotency_key=key).get(timeout=PATIENCE) for _ in range(2)
    )
    assert first.id == second.id
    third, fourth = (door.submit("doors.greet", {"name": "Ada"}).get(timeout=PATIENCE) for _ in range(2))
    assert len({first.id, third.id, fourth.id}) == 3


def test_controls(door: Any) -> None:
    """Each is answered when it holds, and the run does as it says."""
    run = door.submit("doors.fan_out").get(timeout=PATIENCE)
    a_run_has_begun()
    with pytest.raises(pykka.Timeout):
        run.outcome.get(timeout=0.01)
    assert door.pause(run.id).get(timeout=PATIENCE) is None
    assert door.status(run.id).get(timeout=PATIENCE)["status"] in {"pausing", "paused"}
    assert "paused" in str(door.why(run.id).get(timeout=PATIENCE))
    door.skip_item(run.id, "wait", 2).get(timeout=PATIENCE)
    door.extend(run.id, 60).get(timeout=PATIENCE)
    door.resume(run.id).get(timeout=PATIENCE)
    door.set_concurrency(run.id, "wait", 2).get(timeout=PATIENCE)
    a_run_has_begun()
    assert door.status(run.id).get(timeout=PATIENCE)["tasks"]["wait"]["items"]["running"] == 2
    GATE.release()
    GATE.release()
    assert run.outcome.get(timeout=PATIENCE).status == "succeeded"
    assert door.items(run.id, "wait").get(timeout=PATIENCE)["items"][0]["index"] in {0, 1, 2}


def test_the_note_of_a_change_is_in_the_audit(elsewhere: Any) -> None:
    """Of each of them, a run's start and its deletion too."""
    run = elsewhere.submit("doors.fan_out", note="by hand").get(timeout=PATIENCE)
    a_run_has_begun()
    elsewhere.pause(run.id, note="1").get(timeout=PATIENCE)
    elsewhere.resume(run.id, note="2").get(timeout=PATIENCE)
    elsewhere.set_concurrency(run.id, "wait", 1, note="3").get(timeout=PATIENCE)
    elsewhere.set_max_failures(run.id, "wait", 1, note="4").get(timeout=PATIENCE)
    elsewhere.skip_item(run.id, "wait", 2, note="5").get(timeout=PATIENCE)
    elsewhere.extend(run.id, 60, note="6").get(timeout=PATIENCE)
    elsewhere.cancel(run.id, note="7").get(timeout=PATIENCE)
    GATE.release()
    assert run.outcome.get(timeout=PATIENCE).status == "cancelled"
    again = elsewhere.rerun(run.id, note="8").get(timeout=PATIENCE)
    a_run_has_begun()
    elsewhere.cancel(again.id).get(timeout=PATIENCE)
    GATE.release()
    again.outcome.get(timeout=PATIENCE)
    elsewhere.delete_run(run.id, note="9").get(timeout=PATIENCE)
    elsewhere.prune(older_than_seconds=1e9, note="10").get(timeout=PATIENCE)
    entries = elsewhere.audit(limit=12).get(timeout=PATIENCE)["entries"]
    notes = [None if each["note"] is None else str(each["note"]) for each in reversed(entries)]
    assert notes == ["by hand", "1", "2", "3", "4", "5", "6", "7", "8", None, "9", "10"]


def test_the_output_of_an_item_is_followed(remote: RemoteEngine, opened: Opened, token: str, tmp_path: Path) -> None:
    """To the end of its attempt, by all who can follow; an attempt that has ended has its end at once."""
    os.mkfifo(tmp_path / "gate")
    run = remote.submit("doors.print", {"gate": str(tmp_path / "gate")}).get(timeout=PATIENCE)
    next(state for state in run.watch() if state["tasks"]["talk"]["items"]["running"])
    pieces = remote.follow_output(run.id, "talk")
    text = ""
    while text != "begun\n":
        text += next(pieces)["stdout"]
    (tmp_path / "gate").write_text("ended\n")
    *_, last = pieces
    assert (last["attempt"], last["outcome"]) == (1, "succeeded")
    run.outcome.get(timeout=PATIENCE)
    (whole,) = remote.blocking().follow_output(run.id, "talk", 0, 1)
    with AsyncDoor(opened.url, token) as door:
        (also,) = door.output(run.id, "talk")
    assert whole == also
    assert whole == {
        "task": "talk", "index": 0, "visit": 1, "attempt": 1, "stdout": "begun\nended\n", "stderr": "",
        "left_out": False, "outcome": "succeeded",
    }  # fmt: skip
    with pytest.raises(UnknownItem):
        next(remote.follow_output(run.id, "talk", 0, 2))


def test_graphs(elsewhere: Any, remote: RemoteEngine) -> None:
    """With the states of a run's tasks, and without; the facade has them as well."""
    run = elsewhere.submit("doors.greet", {"name": "Ada"}).get(timeout=PATIENCE)
    run.outcome.get(timeout=PATIENCE)
    graph = elsewhere.run_graph(run.id).get(timeout=PATIENCE)
    (say,) = (node for node in graph["nodes"] if node["tasks"] == ["say"])
    assert (say["state"]["status"], graph["layout"]["width"] > say["width"]) == ("succeeded", True)
    of_definition = elsewhere.definition_graph("doors.greet").get(timeout=PATIENCE)
    assert all(node.pop("state") is None for node in of_definition["nodes"])
    assert of_definition["edges"] == graph["edges"]
    assert remote.blocking().run_graph(run.id) == graph
    assert remote.blocking().definition_graph("doors.greet")["edges"] == graph["edges"]
    with pytest.raises(UnknownWorkflow):
        elsewhere.definition_graph("doors.none").get(timeout=PATIENCE)


def test_a_cancelled_run(door: Any) -> None:
    """It ends, and what was asked of it before is refused then."""
    run = door.submit("doors.fan_out").get(timeout=PATIENCE)
    a_run_has_begun()
    door.cancel(run.id).get(timeout=PATIENCE)
    GATE.release()  # the function, which nobody can stop
    assert run.outcome.get(timeout=PATIENCE).status == "cancelled"


def test_controls_arrive_in_their_order(elsewhere: Any) -> None:
    """Also if nobody waits for the one before."""
    run = elsewhere.submit("doors.fan_out").get(timeout=PATIENCE)
    a_run_has_begun()
    asked = [control(run.id) for _ in range(10) for control in (elsewhere.pause, elsewhere.resume)]
    pykka.get_all(asked, timeout=PATIENCE)
    assert elsewhere.status(run.id).get(timeout=PATIENCE)["status"] == "running"
    elsewhere.cancel(run.id).get(timeout=PATIENCE)
    GATE.release()
    assert run.outcome.get(timeout=PATIENCE).status == "cancelled"


def test_answers_are_those_of_the_actor(opened: Opened, elsewhere: Any) -> None:
    """Member for member, for everything that a client can read."""
    actor: Any = opened.engine.proxy()
    labels = {"of": str(uuid.uuid4())}
    run = elsewhere.submit("doors.greet", {"name": "Ada"}, labels=labels).get(timeout=PATIENCE)
    run.outcome.get(timeout=PATIENCE)
    elsewhere.submit("doors.greet", {"name": "Bo"}, labels=labels).get(timeout=PATIENCE).outcome.get()
    questions: list[Callable[[Any], Any]] = [
        lambda door: door.workflows(),
        lambda door: door.status(run.id),
        lambda door: door.runs(labels=labels, limit=1),
        lambda door: door.runs(
            status="succeeded", workflow="doors.greet", since=0.0, search="greet", children="folded"
        ),
        lambda door: door.find_run(run.id[-12:]),
        lambda door: door.run(run.id),
        lambda door: door.items(run.id, "say", "succeeded", None, 1),
        lambda door: door.item(run.id, "say", 0),
        lambda door: door.item_output(run.id, "say"),
        lambda door: door.item_input(run.id, "say"),
        lambda door: door.context_value(run.id, None, ["parameters"]),
        lambda door: door.why(run.id, "say"),
        lambda door: door.export(run.id),
        lambda door: door.preview_prune(older_than_seconds=1e9),
        lambda door: door.prune(older_than_seconds=1e9),
        lambda door: door.audit(limit=1),
    ]
    for ask in questions:
        assert answer_or_error(ask(elsewhere)) == answer_or_error(ask(actor))
    page = elsewhere.runs(labels=labels, limit=1).get(timeout=PATIENCE)
    following = elsewhere.runs(labels=labels, limit=1, cursor=page["next"]).get(timeout=PATIENCE)
    assert (following["runs"][0]["id"], following["next"]) == (run.id, None)


def answer_or_error(future: Any) -> Any:
    """Return an answer as JSON has it, or what an error says of itself."""
    try:
        return thaw(future.get(timeout=PATIENCE))
    except Exception as error:  # noqa: BLE001 - all of them are compared
        return type(error), str(error), {**vars(error)}


def test_errors_are_those_of_the_actor(opened: Opened, elsewhere: Any, tmp_path: Path) -> None:
    """The same class, the same words, the same attributes."""
    actor: Any = opened.engine.proxy()
    taken = f"key-{uuid.uuid4()}"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text('version: "1.0.0"\nref: own.wrong\ntasks: [{name: a, action: core.ech}, {nam: b}]\n')
    ended = actor.submit("doors.greet", {"name": "Ada"}, idempotency_key=taken).get(timeout=PATIENCE)
    ended.outcome.get(timeout=PATIENCE)
    actor.submit("doors.greet", {"name": "Ada"}).get(timeout=PATIENCE)  # whose id begins alike
    mistakes: list[Callable[[Any], Any]] = [
        lambda door: door.submit("doors.gret"),
        lambda door: door.submit("doors.greet"),
        lambda door: door.submit("doors.greet", {"name": 1, "age": 2}),
        lambda door: door.submit(str(wrong)),
        lambda door: door.submit("doors.greet", {"name": "Ada"}, labels={"k": "x" * 1000}),
        lambda door: door.submit("doors.greet", {"name": "Ada"}, idempotency_key=""),
        lambda door: door.submit("doors.greet", {"name": "Bo"}, idempotency_key=taken),
        lambda door: door.status("no-such"),
        lambda door: door.run("no-such"),
        lambda door: door.cancel(ended.id),
        lambda door: door.extend(ended.id, 1),
        lambda door: door.recover(ended.id),
        lambda door: door.rerun(ended.id, "failed_items"),
        lambda door: door.rerun(ended.id, "failed_items", "no_such"),
        lambda door: door.why(ended.id, "no_such"),
        lambda door: door.item(ended.id, "say", 7),
        lambda door: door.item_output(ended.id, "say", 7),
        lambda door: door.item_input(ended.id, "say", 7),
        lambda door: door.item_input(ended.id, "no_such"),
        lambda door: door.context_value(ended.id, None, ["no", "such"]),
        lambda door: door.runs(cursor="nonsense"),
        lambda door: door.find_run("000000000000"),
        lambda door: door.find_run(ended.id[:6]),
    ]
    for ask in mistakes:
        told = answer_or_error(ask(elsewhere))
        assert isinstance(told, tuple), told
        assert told == answer_or_error(ask(actor))
    with pytest.raises(UnknownRun):
        elsewhere.handle("no-such").get(timeout=PATIENCE)


def test_the_blocking_facade(remote: RemoteEngine) -> None:
    """As `Engine.open()` has it: `run`, `wait`, and answers without futures."""
    with remote.blocking() as engine:
        outcome = engine.run("doors.greet", {"name": "Ada"}, timeout=PATIENCE)
        assert (outcome.status, outcome.output) == ("succeeded", {"said": "Hello, Ada!"})
        run = engine.submit("doors.fan_out")
        a_run_has_begun()
        with pytest.raises(RunNotEnded, match=run.id):
            engine.wait(run, 0.01)
        engine.cancel(run.id)
        GATE.release()
        assert engine.wait(run, PATIENCE).status == "cancelled"
        assert engine.show_run(run.id)["status"] == "cancelled"
    with pytest.raises(ClientClosed):
        engine.workflows()


def test_several_threads_wait_for_one_outcome(remote: RemoteEngine) -> None:
    """None of them holds up another, and the ones that give up early do so."""
    run = remote.submit("doors.fan_out").get(timeout=PATIENCE)
    a_run_has_begun()
    outcomes: list[Outcome] = []
    waiting = [threading.Thread(target=lambda: outcomes.append(run.outcome.get(timeout=PATIENCE))) for _ in range(3)]
    for each in waiting:
        each.start()
    with pytest.raises(pykka.Timeout):
        run.outcome.get(timeout=0.01)
    remote.cancel(run.id).get(timeout=PATIENCE)
    GATE.release()
    for each in waiting:
        each.join(PATIENCE)
    assert [outcome.status for outcome in outcomes] == ["cancelled"] * 3


def test_the_port_asks_who_it_is(opened: Opened) -> None:
    """A refusal of the daemon's own has its code."""
    with connect(opened.url) as engine, pytest.raises(RequestRefused, match="token") as refused:
        engine.workflows().get(timeout=PATIENCE)
    assert refused.value.code == "unauthenticated"


def test_nobody_there(tmp_path: Path) -> None:
    """It is said at once: a daemon that has never answered is not waited for."""
    for url in (f"unix://{tmp_path}/none", "http://127.0.0.1:1"):
        with connect(url) as engine, pytest.raises(DaemonUnreachable, match="cannot reach the daemon"):
            engine.submit("doors.greet").get(timeout=PATIENCE)
