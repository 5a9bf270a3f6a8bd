"""Definitions, actions, graphs, validations and rehearsals over HTTP."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import msgspec
import pytest

from stretto.actors import connect
from stretto.actors.gateway.http import rehearsals
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.http.rehearsals import LongWork
from stretto.actors.operations import API
from tests.support.access import token_in
from tests.support.gateways import Reply, http, opened_gateway, read_reply
from tests.support.waiting import PATIENCE

GREET = """ref: ops.greet
label: Greet people
version: "1.0.0"
parameters: {names: {type: array, default: [Ada]}}
tasks:
  - name: each
    with_items: "{{ parameters.names }}"
    action: core.echo
    input: {message: "Hello {{ item }}"}
    next: [{when: "{{ succeeded() }}", do: [last]}]
  - {name: last, action: core.noop}
output_map: {said: "{{ task.each.result }}"}
"""
SLASHED = 'ref: ops/slash.ed\nversion: "1"\ntasks: [{name: a, action: core.noop}]\n'
BROKEN = 'ref: ops.broken\nversion: "1"\ntasks: [{name: a, action: core.ech}]\n'
RULE = "ref: ops/on.said\non: {event: t.said}\nrun: core.noop\n"
READS = """version: "1"
tasks: [{name: a, with_items: {lines: /etc/passwd}, action: core.echo, input: {message: "{{ item }}"}}]
"""


class Served(NamedTuple):
    """A gateway with definitions and runs, and tokens."""

    folder: Path
    url: str
    socket: str
    tokens: dict[str, str]

    def ask(self, method: str, path: str, body: Any = None, token: str = "operator", **headers: str) -> Reply:
        """Return the answer to a request over the port."""
        data = b"" if body is None else msgspec.json.encode(body)

        async def exchange() -> Reply:
            place = urlsplit(self.url)
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.write(http(method, API + path, data, authorization=f"Bearer {self.tokens[token]}", **headers))
            try:
                return read_reply(await reader.read())
            finally:
                writer.close()

        return asyncio.run(exchange())

    def get(self, path: str, token: str = "viewer") -> Any:
        """Return the body of a successful GET."""
        reply = self.ask("GET", path, token=token)
        assert reply.status == 200, reply
        return reply.json


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    definitions = folder / "definitions"
    definitions.mkdir()
    for name, text in {"greet": GREET, "slashed": SLASHED, "broken": BROKEN, "on_said": RULE}.items():
        (definitions / f"{name}.yaml").write_text(text)
    store = f"sqlite:///{folder}/store.db"
    tokens = {role: token_in(store, role) for role in ("viewer", "operator", "admin")}
    tokens["restricted"] = token_in(store, "operator", ("ops/slash.ed",))
    tokens["named"] = token_in(store, "operator", ("greet",))
    tokens["greeter"] = token_in(store, "viewer", ("ops.greet",))
    tokens["caller"] = token_in(store, "admin", ("ops.calls",))
    with opened_gateway(folder, definitions=str(definitions), store=store) as opened:
        yield Served(folder, opened.url, opened.client.url, tokens)


@pytest.fixture(scope="module")
def run(served: Served) -> str:
    """Return the id of a run of `ops.greet` that has ended."""
    with connect(served.socket) as engine:
        handle = engine.submit("ops.greet", {"names": ["Ada", "Alan"]}).get(timeout=PATIENCE)
        assert handle.outcome.get(timeout=PATIENCE).status == "succeeded"
    return handle.id


# ---- definitions and actions


def test_definitions_are_listed_with_their_findings(served: Served) -> None:
    """Refused ones first. A client of the engine's methods gets the refs of the others."""
    found = served.get("/definitions")["definitions"]
    assert [(each["ref"], each["usable"], each["errors"]) for each in found] == [
        ("ops.broken", False, 1), ("ops.greet", True, 0), ("ops/slash.ed", True, 0),
    ]  # fmt: skip
    assert [each["ref"] for each in served.get("/definitions?q=greet")["definitions"]] == ["ops.greet"]
    with connect(served.socket).blocking() as engine:
        assert engine.workflows() == ("ops.greet", "ops/slash.ed")


def test_a_definition_has_a_schema_and_its_last_runs(served: Served, run: str) -> None:
    """One with errors has its findings."""
    greet = served.get("/definitions/ops.greet")
    assert greet["parameters"]["properties"]["names"]["type"] == ["array", "null"]
    assert run in [each["id"] for each in greet["runs"]]
    broken = served.get("/definitions/ops.broken")
    assert (broken["parameters"], len(broken["findings"]), broken["runs"]) == (None, 1, [])
    reply = served.ask("GET", "/definitions/ops.gret")
    assert (reply.status, reply.json["code"]) == (404, "unknown_workflow")


@pytest.mark.parametrize("suffix", ["", "/source", "/graph", "/graph.svg"])
def test_a_ref_may_have_a_slash(served: Served, suffix: str) -> None:
    """As it is, or encoded."""
    for ref in ("ops/slash.ed", "ops%2Fslash.ed"):
        reply = served.ask("GET", f"/definitions/{ref}{suffix}")
        assert reply.status == 200, reply
        assert b"ops/slash.ed" in reply.body or suffix == "/graph"


@pytest.mark.parametrize("ref", ["ops/on.said", "ops%2Fon.said"])
def test_a_ref_of_a_rule_may_have_a_slash(served: Served, ref: str) -> None:
    """Also where another name follows it."""
    assert served.get(f"/rules/{ref}")["rule"] == "ops/on.said"
    for act, enabled in (("disable", False), ("enable", True)):
        reply = served.ask("POST", f"/rules/{ref}/{act}", {})
        assert (reply.status, reply.json["enabled"]) == (200, enabled), reply


def test_a_source_has_the_text(served: Served) -> None:
    """Also that of a refused definition. A viewer gets the file's name without its folder."""
    for role, file in (("viewer", "broken.yaml"), ("operator", str(served.folder / "definitions" / "broken.yaml"))):
        source = served.get("/definitions/ops.broken/source", role)
        assert (source["text"], source["file"]) == (BROKEN, file)


def test_the_definition_of_a_run_has_no_path_for_a_viewer(served: Served, run: str) -> None:
    """As that of the workflow now."""
    for role, file in (("viewer", "greet.yaml"), ("operator", str(served.folder / "definitions" / "greet.yaml"))):
        assert served.get(f"/runs/{run}/definition", role)["file"] == file


def test_actions_are_listed_and_described(served: Served) -> None:
    """With the workflows that call them."""
    (echo,) = served.get("/actions?q=core.echo&pack=core")["actions"]
    assert echo["used_by"] == ["ops.greet"]
    assert served.get("/actions/core.echo")["parameters"]["required"] == ["message"]
    assert served.ask("GET", "/actions/core.ech").json["code"] == "unknown_action"
    assert served.get("/actions/core.echo", "operator")["place"].endswith(")")
    assert served.get("/actions/core.echo", "viewer")["place"] is None


def test_a_restricted_token_sees_its_workflows(served: Served, run: str) -> None:
    """No other definition, graph or user of an action exists for it, and it validates nothing."""
    found = served.get("/definitions", "restricted")["definitions"]
    assert [each["ref"] for each in found] == ["ops/slash.ed"]
    assert served.get("/definitions/ops/slash.ed", "restricted")["ref"] == "ops/slash.ed"
    assert served.get("/actions/core.echo", "restricted")["used_by"] == []
    for suffix in ("", "/source", "/graph", "/graph.svg"):
        assert served.ask("GET", f"/definitions/ops.greet{suffix}", token="restricted").status == 404
    assert served.ask("GET", f"/runs/{run}/graph", token="restricted").status == 404
    refused = served.ask("POST", "/definitions:validate", {"file": "a", "text": ""}, "restricted")
    assert refused.status == 403
    assert served.ask("POST", "/definitions:rehearse", {"workflow": "ops.greet"}, "restricted").status == 404
    assert served.ask("POST", "/definitions:rehearse", {"workflow": "ops/slash.ed"}, "restricted").status == 200


def test_a_restricted_token_learns_no_run_from_a_key(served: Served) -> None:
    """The key of another request is refused without the run that has it."""
    started = served.ask("POST", "/runs", {"workflow": "ops.greet"}, "operator", idempotency_key="taken").json["run"]
    for token, named in (("operator", True), ("restricted", False)):
        refused = served.ask("POST", "/runs", {"workflow": "ops/slash.ed"}, token, idempotency_key="taken")
        assert (refused.status, refused.json["code"]) == (422, "idempotency_conflict")
        assert (started in refused.json["detail"]) == named


def test_a_restricted_token_finds_its_runs_only(served: Served, run: str) -> None:
    """An abbreviated id that is ambiguous shows no run of another workflow."""
    with connect(served.socket) as engine:
        other = engine.submit("ops.greet").get(timeout=PATIENCE).id
    alike = run[: next(n for n in range(36) if run[n] != other[n])].rstrip("-")
    for token, code in (("operator", "ambiguous_run"), ("greeter", "ambiguous_run"), ("restricted", "unknown_run")):
        reply = served.ask("GET", f"/runs:find?text={alike}", token=token)
        assert (reply.json["code"], other in reply.json["detail"]) == (code, token != "restricted")


def test_a_restricted_token_reruns_no_sub_workflow_by_itself(served: Served) -> None:
    """It sees that run and lists it, but the new one would be of a workflow that it may not start."""
    calling = {"file": "calls.yaml", "text": 'ref: ops.calls\nversion: "1"\ntasks: [{name: a, action: ops.greet}]\n'}
    top = served.ask("POST", "/runs?wait=60", {"workflow": calling}, "admin").json["run"]
    (child,) = served.get(f"/runs?parent={top}")["runs"]
    assert served.get(f"/runs/{child['id']}", "caller")["parent"] == top
    assert [each["id"] for each in served.get(f"/runs?parent={top}", "caller")["runs"]] == [child["id"]]
    assert served.ask("GET", f"/runs?parent={top}", token="restricted").json["code"] == "unknown_run"
    for query in ("", "?dry_run=1"):
        reply = served.ask("POST", f"/runs/{child['id']}/rerun{query}", {}, "caller")
        assert (reply.status, reply.json["code"]) == (403, "forbidden")
    assert served.ask("POST", f"/runs/{top}/rerun?dry_run=1", {}, "caller").status == 200


# ---- graphs


def test_the_graph_of_a_definition_has_places(served: Served) -> None:
    """And no states. That of a definition with errors cannot be drawn."""
    graph = served.get("/definitions/ops.greet/graph")
    assert [(node["name"], node["state"]) for node in graph["nodes"]] == [("each", None), ("last", None)]
    assert [(edge["source"], edge["target"]) for edge in graph["edges"]] == [("each", "last")]
    assert served.ask("GET", "/definitions/ops.broken/graph").json["code"] == "invalid_definition"


def test_the_graph_of_a_run_has_states(served: Served, run: str) -> None:
    """Of its tasks, also when its layout is known already."""
    for _ in range(2):
        nodes = {node["name"]: node for node in served.get(f"/runs/{run}/graph")["nodes"]}
        assert nodes["each"]["state"]["status"] == "succeeded"
        assert nodes["each"]["state"]["items"] == {"total": 2, "succeeded": 2, "failed": 0, "running": 0}
    assert served.ask("GET", "/runs/nothing/graph").status == 404


def test_a_drawing_is_an_svg_document(served: Served, run: str) -> None:
    """With the states as classes and titles."""
    reply = served.ask("GET", f"/runs/{run}/graph.svg", token="viewer")
    assert (reply.status, reply.headers["content-type"]) == (200, "image/svg+xml")
    groups = ET.fromstring(reply.body).findall("{http://www.w3.org/2000/svg}g")  # noqa: S314 - our own
    nodes = {each.get("data-node"): each for each in groups if each.get("data-node")}
    assert nodes["each"].get("class") == "node entry fan-out status-succeeded"
    assert nodes["each"].findtext("{http://www.w3.org/2000/svg}title") == (
        "each: succeeded; 2 of 2 items succeeded, 0 failed"
    )


# ---- validations and rehearsals


def test_texts_to_describe_wait_for_a_thread_of_their_own(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large one takes seconds, and other requests must not wait for it."""
    text = {"workflow": {"file": "a.yaml", "text": SLASHED}}
    assert served.ask("POST", "/definitions:describe", text).status == 200

    async def refuse(_reading: LongWork, _work: object) -> None:
        raise Problem("busy", "1024 definitions are waiting to be read (MAX_TEXTS); try again")

    monkeypatch.setattr(LongWork, "run", refuse)
    assert served.ask("POST", "/definitions:describe", text).json["code"] == "busy"
    assert served.ask("POST", "/definitions:describe", {"workflow": "ops.greet"}).status == 200


def test_the_name_of_a_file_is_bounded(served: Served) -> None:
    """Each finding repeats it."""
    reply = served.ask("POST", "/definitions:validate", {"file": "a" * 4097, "text": BROKEN})
    assert (reply.status, reply.json["code"]) == (400, "bad_request")


def test_a_text_is_validated(served: Served) -> None:
    """The answer has warnings and errors, against the daemon's own actions and workflows."""
    text = "tasks: [{name: a, action: ops.gret}, {name: b, action: ops.greet, input: {name: 1}}]\n"
    reply = served.ask("POST", "/definitions:validate", {"file": "new.yaml", "text": text})
    assert reply.status == 200
    found = {(each["code"], each["severity"], each["file"]) for each in reply.json["findings"]}
    assert {("missing_version", "warning", "new.yaml"), ("unknown_action", "error", "new.yaml")} <= found
    assert served.ask("POST", "/definitions:validate", {"file": "a", "text": SLASHED}, "viewer").status == 403


def test_a_rehearsal_runs_no_action(served: Served) -> None:
    """The transcript shows what would be done, with the results of the script."""
    body = {
        "workflow": "ops.greet",
        "inputs": {"names": ["Ada", "Alan"]},
        "script": [{"task": "each", "item": 1, "status": "failed", "result": "no"}, {"task": "nothing"}],
    }
    reply = served.ask("POST", "/definitions:rehearse", body)
    assert reply.status == 200, reply
    answer = reply.json
    assert (answer["workflow"], answer["status"], answer["unused_rules"]) == ("ops.greet", "failed", [2])
    assert [(each["item"], each["outcome"]) for each in answer["actions"]] == [(0, "succeeded"), (1, "failed")]
    assert ["context" in each for each in answer["actions"]] == [True, False]
    assert answer["transcript"][0] == "rehearsal of ops.greet: failed"
    with connect(served.socket).blocking() as engine:
        assert all(each["workflow"] != "ops.greet" or each["status"] == "succeeded" for each in engine.runs()["runs"])


def test_a_rehearsal_of_a_text_reads_no_file_and_no_secret(served: Served) -> None:
    """So that an operator may send one: it can do no harm."""
    workflow = {"file": "reads.yaml", "text": READS}
    reply = served.ask("POST", "/definitions:rehearse", {"workflow": workflow})
    assert b"root:" not in reply.body
    assert reply.json["code"] == "file_refused" or reply.json["status"] == "failed", reply
    text = 'version: "1"\ntasks: [{name: a, action: x.y, input: {key: "{{ keystore.token }}"}}]\n'
    body = {"workflow": {"file": "a.yaml", "text": text}, "keystore": {"token": "made-up-value"}}
    (action,) = served.ask("POST", "/definitions:rehearse", body).json["actions"]
    assert action["input"] == {"key": "******"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MAX_SECONDS", "tasks: [{name: a, action: core.noop, next: [{do: [a]}]}]\n"),
        ("MAX_LAUNCHES", "tasks: [{name: a, with_items: '{{ range(60) | list }}', concurrency: 60, action: x.y}]\n"),
        ("MAX_STEPS", "tasks: [{name: a, action: x.y, delay: 1, next: [{do: [a]}]}]\n"),
        (
            "MAX_KEPT_BYTES",
            'vars: {v: aaaa}\ntasks: [{name: a, action: x.y, next: [{publish: {v: "{{ workflow.v * 2 }}"}, do: [a]}]}]',
        ),
    ],
)
def test_a_rehearsal_has_bounds(served: Served, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """Each has a name."""
    least = rehearsals.BOUNDS._replace(
        steps=40 if name == "MAX_STEPS" else 50_000,
        launches=50 if name == "MAX_LAUNCHES" else 10_000,
        seconds=0.2 if name == "MAX_SECONDS" else PATIENCE,
        kept_bytes=10_000 if name == "MAX_KEPT_BYTES" else 10**7,
    )
    monkeypatch.setattr(rehearsals, "BOUNDS", least)
    body = {"workflow": {"file": "endless.yaml", "text": f'version: "1"\n{text}'}}
    reply = served.ask("POST", "/definitions:rehearse", body)
    assert (reply.status, reply.json["code"]) == (413, "limit_exceeded"), reply
    assert name in reply.json["detail"]


def test_unknown_keys_of_a_rule_are_refused(served: Served) -> None:
    """A misspelled one would match nothing, or all."""
    body = {"workflow": "ops.greet", "script": [{"tsk": "each"}]}
    reply = served.ask("POST", "/definitions:rehearse", body)
    assert (reply.status, reply.json["code"]) == (400, "bad_request")
    assert "tsk" in reply.json["detail"]


def test_a_ref_with_slashes_is_run_and_a_path_is_not(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever files there are. Our client sends such a ref, unless a file has the name."""
    monkeypatch.chdir(served.folder)
    started = served.ask("POST", "/runs?wait=60", {"workflow": "ops/slash.ed"})
    assert (started.status, started.json["workflow"], started.json["outcome"]["status"]) == (
        200, "ops/slash.ed", "succeeded",
    )  # fmt: skip
    assert served.ask("POST", "/runs", {"workflow": "ops/slash.ed"}, "restricted").status == 202
    for path in ("definitions/greet.yaml", f"{served.folder}/definitions/greet.yaml", "./definitions/greet"):
        for target in ("/runs", "/definitions:describe", "/definitions:rehearse"):
            refused = served.ask("POST", target, {"workflow": path})
            assert (refused.status, refused.json["code"]) == (404, "unknown_workflow"), (path, target)
            assert "does not open clients' paths" in refused.json["detail"]
    with connect(served.socket) as engine:
        handle = engine.submit("ops/slash.ed").get(timeout=PATIENCE)
        assert handle.outcome.get(timeout=PATIENCE).status == "succeeded"


def test_a_restricted_token_gets_nothing_by_the_name_of_a_file(served: Served) -> None:
    """The name leads to a workflow with another ref, which the token is not for."""
    assert served.ask("POST", "/runs?wait=60", {"workflow": "greet"}).json["workflow"] == "ops.greet"
    refused = served.ask("POST", "/runs", {"workflow": "greet"}, "named")
    assert (refused.status, refused.json["code"]) == (404, "unknown_workflow")
