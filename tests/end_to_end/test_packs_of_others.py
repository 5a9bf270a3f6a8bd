"""Packs in the form of StackStorm's and Attune's, whose actions call a real HTTP server."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import Bench
from tests.support.waiting import PATIENCE

BASE = """
import json
import urllib.request
from st2common.runners.base_action import Action
class TicketAction(Action):
    def __init__(self, config=None, action_service=None):
        super().__init__(config=config, action_service=action_service)
        self.url = self.config["url"]
    def call(self, path, data=None):
        headers = {"Authorization": "Bearer " + self.config["token"], "Content-Type": "application/json"}
        body = None if data is None else json.dumps(data).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers)) as response:
            return json.load(response)
"""
CREATE = """
from lib.base import TicketAction
class Create(TicketAction):
    def run(self, title):
        ticket = self.call("/tickets", {"title": title})
        self.action_service.set_value("last", ticket["id"])
        return ticket
"""
CLOSE = """
from lib.base import TicketAction
class Close(TicketAction):
    def run(self, ticket):
        answer = self.call("/tickets/%s/close" % ticket, {})
        return answer["closed"], answer
"""
METADATA = """
name: {0}
runner_type: python-script
entry_point: {0}.py
enabled: true
parameters: {{{1}}}
"""
HANDLE = """
version: 1.0
input: [title]
tasks:
  create:
    action: tickets.create title=<% ctx(title) %>
    next: [{when: <% succeeded() %>, publish: [{id: <% result().result.id %>}], do: close}]
  close:
    action: tickets.close ticket=<% ctx(id) %>
output: [{id: <% ctx(id) %>}]
"""
FETCH = """
import json, os, sys, urllib.request
def get(url, token):
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": "Bearer " + token})) as response:
        return json.load(response)
ref = json.load(sys.stdin)["credential_key"]
login = get(os.environ["ATTUNE_API_URL"] + "/api/v1/keys/" + ref, os.environ["ATTUNE_API_TOKEN"])["data"]["value"]
json.dump(get(login["url"] + "/me", login["token"]), sys.stdout)
"""
FETCH_METADATA = """
ref: weather.fetch
runner_type: python
runtime_version: ">=3.10"
entry_point: fetch.py
output_format: json
default_execution_permission_set_refs: [standard]
parameters: {credential_key: {type: string, required: true, default: weather.login}}
"""


class Tickets(ThreadingHTTPServer):
    """A service with tickets. It keeps the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Tickets

    def do_GET(self) -> None:
        self._answer({"who": self.headers["Authorization"]})

    def do_POST(self) -> None:
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, self.headers["Authorization"], data))
        self._answer({"id": "T-1"} if self.path == "/tickets" else {"closed": self.path != "/tickets/none/close"})

    def _answer(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def server() -> Iterator[Tickets]:
    with Tickets() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def tickets(start_bench: Callable[..., Bench], server: Tickets, tmp_path: Path) -> Bench:
    """An engine with a pack in StackStorm's form."""
    files = {
        "pack.yaml": "ref: tickets\nname: tickets\nversion: 1.0.0\n",
        "config.schema.yaml": "url: {type: string, required: true}\ntoken: {type: string, secret: true}\n",
        "actions/lib/__init__.py": "",
        "actions/lib/base.py": BASE,
        "actions/create.py": CREATE,
        "actions/create.yaml": METADATA.format("create", "title: {type: string, required: true}"),
        "actions/close.py": CLOSE,
        "actions/close.yaml": METADATA.format("close", "ticket: {type: string, required: true}"),
        "actions/handle.yaml": "name: handle\nrunner_type: orquesta\nentry_point: workflows/handle.yaml\n"
        "enabled: true\nparameters: {title: {type: string, required: true}}\n",
        "actions/workflows/handle.yaml": HANDLE,
    }
    config = {"tickets": {"url": server.url, "token": "hush-hush"}}
    return start_bench(packs=write(tmp_path / "tickets", files), pack_config=config)


def test_actions_of_a_stackstorm_pack_call_a_server(tickets: Bench, server: Tickets) -> None:
    """With the pack's configuration, from an Orquesta workflow. The key that the action has set is there."""
    run = tickets.proxy.submit("tickets.handle", {"title": "It burns"}).get(timeout=PATIENCE)
    outcome = run.outcome.get(timeout=PATIENCE)
    assert (outcome.status, outcome.output) == ("succeeded", {"id": "T-1"}), outcome.errors
    assert server.requests == [
        ("/tickets", "Bearer hush-hush", {"title": "It burns"}),
        ("/tickets/T-1/close", "Bearer hush-hush", {}),
    ]
    assert tickets.proxy.key_value("tickets.Create:last").get(timeout=PATIENCE) == "T-1"


def test_an_action_that_returns_false_fails(tickets: Bench) -> None:
    """And its result is there."""
    outcome = tickets.run("tasks:\n- {name: t, action: tickets.close, input: {ticket: none}}\n")
    assert outcome.status == "failed"
    assert "tickets.close returned False" in outcome.errors[0]["message"]


@pytest.mark.own_process("an action of a pack cannot read its pack's keys on a worker")
def test_an_action_of_an_attune_pack_reads_its_key_and_calls_a_server(
    start_bench: Callable[..., Bench], server: Tickets, tmp_path: Path
) -> None:
    """The key's name is the default of a required parameter."""
    files = {
        "pack.yaml": "ref: weather\nlabel: Weather\nversion: 1.0.0\n",
        "actions/fetch.yaml": FETCH_METADATA,
        "actions/fetch.py": FETCH,
    }
    bench = start_bench(packs=write(tmp_path / "weather", files))
    login = {"url": server.url, "token": "hush-hush"}
    bench.proxy.set_key("weather.login", login, scope="pack", owner="weather", secret=True).get(timeout=PATIENCE)
    outcome = bench.run("tasks:\n- {name: t, action: weather.fetch}\noutput_map: {who: '{{ task.t.result.who }}'}\n")
    assert (outcome.status, outcome.output) == ("succeeded", {"who": "Bearer hush-hush"}), outcome.errors
