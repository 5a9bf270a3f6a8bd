"""Faults of what actions run on: worker processes and HTTP servers. Each ends its item, of a kind that the page lists.

All faults happen to one engine, side by side with a good item, which none of them harms.
"""

import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stretto.actors import Engine
from stretto.definitions import InvalidDefinition
from tests.support.scripted_servers import Script, answering, endless, resetting, serving, stalling
from tests.support.waiting import PATIENCE
from tests.test_language_reference import section


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


ACTIONS = "tests.support.faulty_actions"
OK = b"HTTP/1.1 200 OK\r\n"


class Fault(NamedTuple):
    """A fault, and what its item ends with."""

    kind: str
    message: str
    how: "str | Script"


OF_WORKERS = {
    "dies in mid-call": Fault("exception", "exit code 3", "dies"),
    "is killed in mid-call": Fault("exception", "SIGSEGV", "crashes"),
    "writes garbage": Fault("exception", "broke its protocol", "garbage"),
    "answers another call": Fault("exception", "answered another call", "another's answer"),
    "answers twice": Fault("exception", "", "answers twice"),
    "never answers": Fault("timed_out", "longer than 5 s", "never answers"),
    "eats memory": Fault("exception", "MemoryError", "eats memory"),
    "returns no data": Fault("not_data", "set", "no data"),
    "returns too much": Fault("result_too_large", "2,000,000", "too much"),
}
OF_SERVERS = {
    "stalls before the headers": Fault("failed", "took longer than 2 s", stalling(b"")),
    "stalls in the headers": Fault("failed", "took longer than 2 s", stalling(OK + b"X: y\r\n")),
    "stalls in the body": Fault("failed", "took longer than 2 s", stalling(OK + b"Content-Length: 9\r\n\r\nabc")),
    "sends a gigabyte": Fault(
        "failed", "more than 10485760 bytes", endless(OK + b"Content-Length: 1073741824\r\n\r\n", bytes(2**20))
    ),
    "closes half-way": Fault("failed", "without sending complete", answering(OK + b"Content-Length: 9\r\n\r\nabc")),
    "closes at once": Fault("failed", "disconnected", answering(b"")),
    "resets": Fault("failed", "reset by peer", resetting(b"", _set())),
    "does not speak HTTP": Fault("failed", "not valid HTTP", answering(b"\x00\xff not HTTP\r\n\r\n")),
}
WORKER_FLOW = """
ref: test.faults
version: "1.0.0"
parameters: {hows: {type: array}}
tasks:
  - name: call
    action: ACTION
    with_items: "{{ parameters.hows }}"
    concurrency: 2
    max_failures: 100
    timeout: 5
    input: {how: "{{ item }}"}
output_map: {errors: "{{ task.call.errors }}", results: "{{ task.call.result }}"}
"""
HTTP_FLOW = """
ref: test.faults
version: "1.0.0"
parameters: {urls: {type: array}}
tasks:
  - name: call
    action: core.http
    with_items: "{{ parameters.urls }}"
    concurrency: 20
    max_failures: 100
    input: {url: "{{ item }}", timeout: 2}
output_map: {errors: "{{ task.call.errors }}", results: "{{ task.call.result }}"}
"""


def listed_kinds() -> set[str]:
    """Return the kinds in the table of docs/language.md."""
    rows = re.findall(r"^\| (`.+?) \| ", section("Kinds of errors"), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def run(folder: Path, flow: str, inputs: dict[str, Any], **settings: Any) -> tuple[dict[int, Any], list[Any]]:
    """Return the errors of the items by index, and the results."""
    (folder / "flow.yaml").write_text(flow)
    with Engine.open(str(folder), **settings) as engine:
        outcome = engine.run("test.faults", inputs, timeout=PATIENCE)
    assert outcome.status == "succeeded", outcome.errors
    output = json.loads(json.dumps(outcome.output))
    return {each["index"]: each["error"] for each in output["errors"]}, output["results"]


def check(faults: dict[str, Fault], errors: dict[int, Any]) -> None:
    """Compare the ends of items with the table, and their kinds with the page."""
    for index, (name, fault) in enumerate(faults.items()):
        assert errors[index]["kind"] == fault.kind, (name, errors[index])
        assert fault.message in errors[index]["message"], (name, errors[index])
        assert fault.kind in listed_kinds(), name


@pytest.mark.parametrize("action", ["faulty.kept", "faulty.fresh"])
def test_a_fault_of_a_worker_fails_its_item_alone(tmp_path: Path, action: str) -> None:
    """The item that follows gets its result, from a new process if need be."""
    faults = {name: fault for name, fault in OF_WORKERS.items() if name != "answers twice"}
    hows = [fault.how for fault in faults.values()]
    errors, results = run(
        tmp_path, WORKER_FLOW.replace("ACTION", action), {"hows": [*hows, "good", "answers twice", "good", "good"]},
        actions=ACTIONS, workers=2, max_worker_bytes=4 << 30, max_result_bytes=1_000_000,
    )  # fmt: skip
    check(faults, errors)
    assert results[len(hows)] == "good"
    # A second answer may come when its item has ended. It ends the process, with the call that is under way there.
    others = [error["message"] for index, error in errors.items() if index > len(hows) + 1]
    assert len(others) <= 1
    assert [each for each in others if "answered another call" not in each] == []


def test_a_worker_that_cannot_start_fails_its_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter is gone."""
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    flow = WORKER_FLOW.replace("ACTION", "faulty.kept")
    errors, _ = run(tmp_path, flow, {"hows": ["good"]}, actions=ACTIONS)
    check({"cannot start": Fault("exception", "cannot start /no/such/python", "good")}, errors)


def test_a_pack_without_its_interpreter_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    """With the command that makes its environment."""
    pack = tmp_path / "tools"
    (pack / "actions").mkdir(parents=True)
    (pack / "pack.yaml").write_text('ref: tools\nversion: "1"\n')
    (pack / "requirements.txt").write_text("requests\n")
    (pack / "actions" / "a.py").write_text("def a():\n    return 1\n")
    (pack / "actions" / "a.yaml").write_text("ref: a\nrunner_type: python\nentry_point: a.py:a\n")
    (tmp_path / "flow.yaml").write_text(
        WORKER_FLOW.replace("ACTION", "tools.a").replace('input: {how: "{{ item }}"}', "")
    )
    with pytest.raises(InvalidDefinition, match="stretto packs setup"), Engine.open(str(tmp_path)) as engine:
        engine.run("test.faults", {"hows": [1]}, timeout=PATIENCE)


@pytest.fixture
def servers() -> Iterator[Callable[[Script], str]]:
    """Return a function that starts a server with a script, and returns its URL."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(serving(script)).url


def test_a_fault_of_a_server_fails_its_item_alone(tmp_path: Path, servers: Callable[[Script], str]) -> None:
    """Requests to a good server succeed beside them."""
    scripts = [fault.how for fault in OF_SERVERS.values()]
    urls = [servers(script) for script in scripts if not isinstance(script, str)]
    good = servers(answering(OK + b"Content-Length: 4\r\n\r\ngood"))
    errors, results = run(tmp_path, HTTP_FLOW, {"urls": [*urls, good]})
    check(OF_SERVERS, errors)
    assert results[-1]["body"] == "good"
