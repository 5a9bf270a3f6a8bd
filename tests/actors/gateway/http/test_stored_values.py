"""Requests for stored runs over real sockets: large values, tasks, counts, entity tags, deletion."""

import asyncio
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from stretto.actors import RunNeeded, UnknownRun, action, connect, connect_async
from stretto.actors.engine import tasks
from stretto.actors.engine.requests import RunRequests
from stretto.actors.gateway.http import definitions
from stretto.actors.history import RUNS_PATH, reports
from stretto.actors.operations import API, Audit, Ended, Item, OutcomeOf, Run, Submit, Watch
from stretto.definitions.context.masking import MASK
from tests.support.gateways import Opened, Reply, exchange, http, opened_gateway, post
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

DEFINITIONS: Final = {
    "large": """
parameters: {words: {type: array}, password: {secret: true, default: none}}
tasks:
  - {name: only, action: core.echo, input: {message: "{{ parameters.words }}"}}
output_map: {said: "{{ task.only.result }}"}
""",
    "taking": """
parameters: {word: {type: string}, key: {secret: true}}
tasks: [{name: only, action: stored_values.gate}]
""",
    "secretive": """
tasks:
  - name: only
    action: stored.taking
    with_items: [a, b]
    concurrency: 2
    input: {word: plain, key: "{{ item ~ 'hunter2hunter' }}"}
""",
    "gate": "tasks: [{name: only, action: stored_values.gate}]\n",
}
LARGE: Final = [f"word {number} {'x' * 80}" for number in range(1000)]
GATE: Final = threading.Semaphore(0)
ARRIVED: Final = threading.Semaphore(0)


@action("stored_values.gate")
def gate() -> bool:
    """Say that it has begun, and wait until the test lets one go on."""
    ARRIVED.release()
    return GATE.acquire(timeout=PATIENCE)


def has_begun() -> None:
    """Wait until an item waits at the gate."""
    assert ARRIVED.acquire(timeout=PATIENCE)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """An engine with a store, and its gateway."""
    folder: Path = tmp_path_factory.mktemp("stored")
    for name, text in DEFINITIONS.items():
        (folder / f"{name}.yaml").write_text(f'version: "1.0.0"\nref: stored.{name}\n{text}')
    with opened_gateway(folder, definitions=folder, store=f"sqlite:///{folder}/store.db") as gateway:
        yield gateway
        for _ in range(20):  # what a failed test has left at the gate
            GATE.release()


def sent(opened: Opened, request: bytes) -> Reply:
    """Send a request to the socket, and return the answer."""
    return asyncio.run(exchange(opened.client, request))


def got(opened: Opened, path: str, **headers: str) -> Reply:
    """Return the answer to a GET."""
    return sent(opened, http("GET", API + path, b"", **headers))


def ended(opened: Opened, words: list[str], **more: Any) -> str:
    """Run the workflow with large values to its end; return the run's id."""
    body = {"workflow": "stored.large", "inputs": {"words": words, **more}}
    reply = sent(opened, post(f"{API}/runs?wait=60", body))
    assert reply.status == 200, reply
    return str(reply.json["run"])


@pytest.fixture(scope="module")
def large(opened: Opened) -> str:
    """A run whose inputs, result and output are large, and have a secret in them."""
    return ended(opened, [*LARGE, "it is hunter2hunter"], password="hunter2hunter")


WHOLE: Final = [*LARGE, f"it is {MASK}"]


def test_large_values_are_links_to_where_they_are_whole(opened: Opened, large: str) -> None:
    """Each with its size, and without secrets."""
    run, outcome = got(opened, f"/runs/{large}").json, got(opened, f"/runs/{large}/outcome").json
    item = got(opened, f"/runs/{large}/tasks/only/items/0").json
    whole = {}
    for value in (run["inputs"], run["output"], outcome["output"], item["result"]):
        assert value.keys() == {"$ref", "bytes"}
        reply = got(opened, value["$ref"].removeprefix(API))
        assert (reply.status, len(reply.body)) == (200, value["bytes"])
        assert b"hunter2hunter" not in reply.body
        whole[value["$ref"].removeprefix(f"{RUNS_PATH}/{large}")] = reply.json
    assert whole == {
        "/inputs": {"words": WHOLE, "password": MASK},
        "/output": {"said": WHOLE},
        "/tasks/only/items/0/result?visit=1&attempt=1": WHOLE,
    }
    assert len(msgspec.json.encode([run, outcome, item])) < 5000


def test_the_input_of_an_item_is_rendered_again(opened: Opened, large: str) -> None:
    """Whole, with secrets masked: also one that is secret because of its taker, in flight."""
    found = got(opened, f"/runs/{large}/tasks/only/items/0/input")
    assert (found.status, found.json) == (200, {"message": WHOLE})
    run = sent(opened, post(f"{API}/runs", {"workflow": "stored.secretive"})).json["run"]
    has_begun()
    has_begun()
    path = f"/runs/{run}/tasks/only/items/1/input"
    assert got(opened, path).json == {"word": "plain", "key": MASK}
    assert got(opened, f"{path}?attempt=2").json["code"] == "unknown_item"
    GATE.release()
    GATE.release()
    assert got(opened, f"/runs/{run}/outcome?wait=60").json["status"] == "succeeded"
    assert got(opened, f"{path}?visit=1&attempt=1").json == {"word": "plain", "key": MASK}


def links_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the links in an answer."""
    if isinstance(value, dict) and value.keys() == {"$ref", "bytes"}:
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from links_in(member)


def test_every_link_of_an_answer_leads_to_the_whole_value(opened: Opened) -> None:
    """In a context too, also of one large text."""
    run = ended(opened, ["x" * 70_000, "it is hunter2hunter", *["y" * 40_000] * 2], password="hunter2hunter")
    paths = ("", "/outcome", "/tasks/only/items/0", "/context", "/context?path=parameters", "/context?path=tasks")
    deeper = "/context?path=parameters&path=words"
    answers = [got(opened, f"/runs/{run}{path}").json for path in (*paths, deeper, f"{deeper}&path=0")]
    links = list(links_in(answers))
    assert len(links) == 11
    for link in links:
        whole = got(opened, link["$ref"].removeprefix(API))
        assert (whole.status, len(whole.body)) == (200, link["bytes"])
        assert b"hunter2hunter" not in whole.body
        assert b'"$ref"' not in whole.body
    assert got(opened, links[-1]["$ref"].removeprefix(API)).json == "x" * 70_000
    with connect(opened.client.url) as engine:
        words = engine.context_value(run, None, ["parameters", "words"]).get(timeout=PATIENCE)
        assert words == ["x" * 70_000, f"it is {MASK}", *["y" * 40_000] * 2]


def test_an_outcome_that_a_client_has_waited_for_has_links_too(opened: Opened) -> None:
    """In the answer to its start."""
    body = {"workflow": "stored.large", "inputs": {"words": LARGE}}
    reply = sent(opened, post(f"{API}/runs?wait=60", body)).json
    assert reply["outcome"]["output"]["$ref"] == f"{API}/runs/{reply['run']}/output"


def test_our_clients_follow_the_links(opened: Opened, large: str) -> None:
    """So that a program or a person sees what it sees in process."""
    client: Any = opened.client
    assert client.ask(Run(large)).run["inputs"]["words"] == WHOLE
    assert client.ask(Item(large, "only")).item["result"] == WHOLE
    assert client.ask(OutcomeOf(large)).output == {"said": WHOLE}
    assert list(client.answers(Watch(large)))[-1].output == {"said": WHOLE}
    assert client.ask(Submit("stored.large", {"words": LARGE}, wait=60)).outcome["output"] == {"said": LARGE}

    async def test() -> Any:
        async with connect_async(client.url) as engine:
            return await engine.run(large)

    assert asyncio.run(test())["output"] == {"said": WHOLE}


def test_a_small_value_that_looks_like_a_link_is_that_value(opened: Opened) -> None:
    """Our client finds it behind its own path, and asks for no other."""
    run = ended(opened, ["small"])
    assert got(opened, f"/runs/{run}").json["inputs"] == {"words": ["small"], "password": MASK}
    for path in (f"/runs/{run}/inputs", f"/runs/{run}/output", f"/runs/{run}/tasks/only/items/0/result"):
        assert got(opened, path).status == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/runs/nobody/inputs", "unknown_run"),
        ("/runs/nobody/output", "unknown_run"),
        ("/runs/nobody/tasks/only/items/0/result", "unknown_run"),
        ("/runs/{run}/tasks/only/items/7/result", "unknown_item"),
        ("/runs/{run}/tasks/only/items/0/result?attempt=2", "unknown_item"),
        ("/runs/{run}/tasks/only/items/0/result?visit=2", "unknown_item"),
    ],
)
def test_a_value_that_is_not_there(opened: Opened, large: str, path: str, code: str) -> None:
    """Of no run, no item, no attempt."""
    reply = got(opened, path.format(run=large))
    assert (reply.status, reply.json["code"]) == (404, code)


def test_tasks_are_those_of_now(opened: Opened, large: str) -> None:
    """Of a run in progress, its supervisor's."""
    (only,) = got(opened, f"/runs/{large}/tasks").json["tasks"]
    assert (only["task"], only["status"], only["visits"]) == ("only", "succeeded", 1)
    assert only["started_at"] <= only["ended_at"]
    assert got(opened, f"/runs/{large}/tasks/only").json == only
    for path, code in (("tasks/onl", "unknown_task"), ("tasks/only?visit=2", "unknown_visit")):
        assert got(opened, f"/runs/{large}/{path}").json["code"] == code
    run = sent(opened, post(f"{API}/runs", {"workflow": "stored.gate"})).json["run"]
    has_begun()
    with connect(opened.client.url) as engine:
        # They are answered when all that was before is in the store: the task's start, whose time is read there.
        for control in (engine.pause, engine.resume):
            control(run).get(timeout=PATIENCE)
        assert engine.task(run, "only").get(timeout=PATIENCE)["items"]["running"] == 1
        assert engine.tasks(run).get(timeout=PATIENCE) == [engine.task(run, "only", 1).get(timeout=PATIENCE)]
    running = got(opened, f"/runs/{run}/output")
    assert (running.status, running.json["code"]) == (409, "run_not_ended")
    GATE.release()
    assert got(opened, f"/runs/{run}/outcome?wait=60").json["status"] == "succeeded"


def test_runs_are_counted_by_workflow(opened: Opened, large: str) -> None:
    """If that is asked for."""
    counts = got(opened, "/runs/counts?since=0").json
    assert counts.keys() == {"since", "statuses"}
    by_workflow = got(opened, "/runs/counts?since=0&by=workflow").json
    assert by_workflow["workflows"]["stored.large"]["succeeded"] >= 1
    assert (
        sum(each.get("succeeded", 0) for each in by_workflow["workflows"].values()) == counts["statuses"]["succeeded"]
    )
    assert got(opened, "/runs/counts?since=0&by=day").status == 400


def test_an_answer_that_has_not_changed_is_not_sent_again(opened: Opened, large: str) -> None:
    """Its tag changes with it, and with nothing else."""
    run = sent(opened, post(f"{API}/runs", {"workflow": "stored.gate"})).json["run"]
    has_begun()
    for path in (f"/runs/{large}", f"/runs/{run}/status", f"/runs/{large}/tasks", f"/runs/{large}/tasks/only",
                 f"/runs/{large}/definition", f"/runs/{run}/graph", f"/runs/{large}/graph.svg", "/openapi.json",
                 "/definitions/stored.large/source", "/definitions/stored.gate/graph"):  # fmt: skip
        first = got(opened, path)
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "no-cache"
        for known in (tag, "*", f'"x", W/{tag}'):
            again = got(opened, path, if_none_match=known)
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), path
        other = got(opened, path, if_none_match='"other"')
        assert (other.status, other.body) == (200, first.body)
    status = got(opened, f"/runs/{run}/status").headers["etag"]
    GATE.release()
    assert got(opened, f"/runs/{run}/outcome?wait=60").status == 200
    assert got(opened, f"/runs/{run}/status", if_none_match=status).status == 200


class Reports:
    """Counts the reports that are made of runs and definitions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for owner, name in (
            (reports, "show_run"), (reports, "show_definition"), (RunRequests, "status"), (tasks, "list_tasks"),
            (tasks, "show_task"), (definitions, "graph_as_data"), (definitions, "definition_source"),
        ):  # fmt: skip
            self._counted(monkeypatch, owner, name)

    def _counted(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        make = getattr(owner, name)

        def report(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            return make(*arguments, **options)

        monkeypatch.setattr(owner, name, report)


def test_an_answer_that_has_not_changed_is_not_made_again(
    opened: Opened, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version is asked for, which needs no report. Of a run in progress, each change is another version."""
    made = Reports(monkeypatch)
    run = sent(opened, post(f"{API}/runs", {"workflow": "stored.gate"})).json["run"]
    has_begun()
    paths = [
        *(f"/runs/{each}{path}" for each in (run, large) for path in ("", "/status", "/tasks", "/tasks/only")),
        f"/runs/{large}/definition", f"/runs/{run}/graph", "/definitions/stored.large/source",
        "/definitions/stored.gate/graph",
    ]  # fmt: skip
    tags = {}
    for path in paths:
        tags[path] = got(opened, path).headers["etag"]
        count = made.count
        assert count, path
        for _ in range(2):
            assert got(opened, path, if_none_match=tags[path]).status == 304
        assert made.count == count, path
        assert got(opened, path, if_none_match='"other"').status == 200
        assert made.count > count, path
    GATE.release()
    assert got(opened, f"/runs/{run}/outcome?wait=60").status == 200
    for path in paths:
        changed = path in {f"/runs/{run}{each}" for each in ("", "/status", "/tasks", "/tasks/only", "/graph")}
        assert (got(opened, path, if_none_match=tags[path]).status == 200) == changed, path
    assert got(opened, "/runs/none/status", if_none_match=tags[paths[0]]).json["code"] == "unknown_run"


def test_a_run_is_deleted(opened: Opened) -> None:
    """From everywhere, with its key; the audit says by whom and why."""
    key = {"idempotency_key": "again"}
    body = msgspec.json.encode({"workflow": "stored.large", "inputs": {"words": ["a"]}})
    run = sent(opened, http("POST", f"{API}/runs?wait=60", body, **key)).json["run"]
    assert isinstance(list(opened.client.answers(Watch(run)))[-1], Ended)
    reply = sent(opened, http("DELETE", f"{API}/runs/{run}?note=too+old"))
    assert (reply.status, reply.body) == (204, b"")
    for path in ("", "/status", "/outcome", "/output", "/tasks", "/stream"):
        assert got(opened, f"/runs/{run}{path}").json["code"] == "unknown_run", path
    assert sent(opened, http("DELETE", f"{API}/runs/{run}")).status == 404
    audit: Any = opened.client.ask(Audit(limit=1))
    assert [(each["operation"], each["target"], each["note"]) for each in audit.entries] == [
        ("delete_run", run, "too old")
    ]
    assert sent(opened, http("POST", f"{API}/runs?wait=60", body, **key)).json["run"] != run


def test_a_run_in_progress_is_not_deleted(opened: Opened) -> None:
    """From no door."""
    run = sent(opened, post(f"{API}/runs", {"workflow": "stored.gate"})).json["run"]
    has_begun()
    reply = sent(opened, http("DELETE", f"{API}/runs/{run}"))
    assert (reply.status, reply.json["code"]) == (409, "run_needed")
    with connect(opened.client.url) as engine:
        with pytest.raises(RunNeeded, match="has not ended: cancel it first"):
            engine.delete_run(run).get(timeout=PATIENCE)
        GATE.release()
        assert got(opened, f"/runs/{run}/outcome?wait=60").status == 200
        engine.delete_run(run).get(timeout=PATIENCE)
        with pytest.raises(UnknownRun):
            engine.status(run).get(timeout=PATIENCE)


def test_links_begin_with_the_path_of_the_api() -> None:
    """Which the rooms below the table do not know."""
    assert f"{API}/runs" == RUNS_PATH
