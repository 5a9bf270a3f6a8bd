"""Decoding from many threads: msgspec builds its knowledge of a type at first use, and two threads then crash it."""

import ast
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest

from stretto.definitions.dialects import read_workflow
from stretto.definitions.stored import to_stored
from tests.support.harness import PATIENCE
from tests.support.paths import ROOT

PROCESSES = 6
DEFINITION = """
version: "1.0.0"
ref: test.sample
parameters:
  host: {type: object, properties: {name: {type: string, default: a}, ports: {type: array, items: {type: integer}}}}
tasks: [{name: a, action: core.noop}]
"""
BUILDING = {"decode", "Decoder", "Encoder", "convert"}
"""The calls of msgspec that may build what it knows of a type."""
PREPARED = {"ErrorGroup", "PoolSettings", "Settings", "kind", "type(row)"}
"""The types that are converted to at call time. Their module converts to them at import."""

CHILD = """
import base64, sys, threading
import msgspec
from stretto.actors.operations import answer_of, request_of, requests, route_of
from stretto.actors.journal.sql.encoding import Columns, KINDS, decode_entry
from stretto.actors.rehearsal.cases import answer, rehearser_of_cases
from stretto.actors.settings import read_settings
from stretto.definitions.stored import from_stored

given = msgspec.json.decode(sys.stdin.buffer.read())
definition, bodies, answers, entries = (given[key] for key in ("definition", "bodies", "answers", "entries"))
rehearser = rehearser_of_cases()

def decode_all(start):
    work = [
        lambda: [from_stored(definition.encode())],
        lambda: [decode_entry(Columns(kind, 1.0, "a", 0, 0, 1, "failed", body=b.encode()), str) for kind, b in entries],
        lambda: [request_of(route_of(requests.Submit), {}, (), each.encode()) for each in bodies],
        lambda: [answer_of(route_of(requests.Runs), each.encode()) for each in answers],
        lambda: [answer(b'{"workflow": 1}', rehearser)],
        lambda: [read_settings("/dev/null", {"STRETTO__ENGINE__THREADS": "3"})],
    ]
    barrier.wait()
    for each in work[start % len(work):] + work[:start % len(work)]:
        each()
    decoded.append(start)

decoded = []
for same in (True, False):
    barrier = threading.Barrier(8)
    threads = [threading.Thread(target=decode_all, args=(0 if same else start,)) for start in range(8)]
    for each in threads: each.start()
    for each in threads: each.join()
assert len(decoded) == 16, decoded
"""


def sample() -> bytes:
    """Return texts of everything that a process reads back, as JSON."""
    failure = (
        '{"failure":{"kind":"failed","message":"m","where":{"file":"f","line":1,"column":1,"path":"p"}},"result":1}'
    )
    given = {
        "definition": to_stored(read_workflow(DEFINITION, "sample.yaml")).decode(),
        "bodies": ['{"workflow":"r"}', '{"workflow":{"file":"f","text":"t"},"inputs":{}}'],
        "answers": ['{"runs":[],"next":null}', '{"runs":[{"id":"r"}],"next":"c"}'],
        "entries": [["item_failed", failure], ["items_withdrawn", '{"indexes":[1,2]}'], ["item_started", "{}"]],
    }
    return msgspec.json.encode(given)


@pytest.mark.parametrize("process", range(PROCESSES))
def test_eight_threads_decode_at_once_right_after_import(process: int) -> None:
    """A process that has just started recovers runs with several readers, and may not end with signal 11."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD], input=sample(), capture_output=True, check=False, timeout=PATIENCE
    )
    assert child.returncode == 0, (process, child.stderr.decode())


def calls_at_run_time() -> Iterator[str]:
    """Yield the calls in functions that may build what msgspec knows of a type."""
    for package in ("actors", "definitions", "metrics"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                    continue
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and _builds(call):
                        yield f"{path.relative_to(ROOT)}: {ast.unparse(call)}"


def _builds(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if not name.startswith("msgspec.") or name.rpartition(".")[2] not in BUILDING:
        return False
    if name.endswith(".decode"):
        return any(each.arg == "type" for each in call.keywords)
    if name.endswith(".convert"):
        return ast.unparse(call.args[1]) not in PREPARED
    return True


def test_decoders_and_encoders_are_made_at_import() -> None:
    """None is built in a function, apart from one that is called at import alone."""
    assert sorted(set(calls_at_run_time())) == [
        "actors/journal/sql/encoding.py: msgspec.json.Decoder(body, dec_hook=lambda _type, value: freeze(value))",
    ]
