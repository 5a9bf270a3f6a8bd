"""Requests drawn by schemathesis from the description of the API, sent to a gateway with runs of several states.

No answer has a status of 500 or more, none is one that the description does not have, and no wrong request is accepted.
Streams are left out, because schemathesis reads whole bodies. The requests are the same each time. `STRETTO_FUZZ=45`
draws up to as many for each operation, in all phases: more than 5,000 for each role. The numbers are shown at the end,
and each report is in the folder of its test.
"""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import bodies, connections, openapi
from stretto.actors.operations import API, EVENTS, ROUTES, Accepted, Ended, Role, Submit, Watch, controls
from stretto.actors.operations.events import Events, EventsAnswer, SendEvent
from stretto.actors.operations.inquiries import Inquiries, InquiriesAnswer
from stretto.actors.operations.keys import SetKey
from tests.support.access import token_in
from tests.support.drawn_requests import DRAWN
from tests.support.gateways import with_port
from tests.support.waiting import PATIENCE

COUNT: Final = int(os.environ.get("STRETTO_FUZZ", "3"))
CAMPAIGN: Final = 45
"""Examples of an operation that make at least 5,000 requests of a role."""
PHASES: Final[dict[Role, str]] = {
    "hook": "fuzzing", "viewer": "fuzzing", "operator": "fuzzing,stateful", "admin": "fuzzing,stateful"
}  # fmt: skip
ONLY: Final = re.compile(os.environ.get("STRETTO_FUZZ_PATHS", ""))
"""The paths that are tried: all, or those in which this is found."""
ALL_PHASES: Final = "coverage,fuzzing,stateful"
DEFINITIONS: Final = {
    "echo": 'parameters: {n: {type: integer, default: 1}}\ntasks: [{name: echo, action: core.echo, '
    'input: {message: "{{ parameters.n }}"}}]\n',
    "items": 'tasks: [{name: each, with_items: [1, 2, 0], action: core.echo, input: {message: "{{ 1 / item }}"}}]\n',
    "sleep": "tasks: [{name: sleep, action: core.sleep, input: {seconds: 1000}}]\n",
    "ask": "tasks: [{name: ask, action: core.ask, input: {prompt: Well?}}]\n",
}  # fmt: skip
TRIGGERS: Final = {
    "rule": "ref: drawn\non: drawn\nrun: fuzzed.echo\ninput: {n: 2}\n",
    "hook": "hook: drawn\nsecret: {kv: drawn}\n",
    "schedule": "ref: drawn\nschedule: {every: 86400}\nrun: fuzzed.echo\n",
}
CONFIGURATION: Final = """
[generation]
deterministic = true
database = "none"

[checks.positive_data_acceptance]
# The description says what a request is, but not which runs there are, how long they are, and what can be done with
# them.
# Nobody guesses a code or a token of a session.
expected-statuses = [200, 201, 202, 204, 304, 400, 401, 403, 404, 409, 413, 422, 429]
"""


def described(role: Role, known: dict[str, list[str]]) -> dict[str, Any]:
    """Return the description without streams, in which workflows, and names that exist, are likely.

    Tokens of hooks are tried on the paths alone to which they may send.
    """
    document = openapi.describe()
    texts = [{"file": f"{name}.yaml", "text": text_of(name)} for name in DEFINITIONS]
    likely = {"task": ["echo", "each", "sleep", "ask"], "index": [0, 1, 2], **known}
    of_hooks = {API + route.place for route in ROUTES if route.role == "hook"}
    workflows = [*(f"fuzzed.{name}" for name in DEFINITIONS), *texts]
    for path, item in tuple(document["paths"].items()):
        for method, operation in tuple(item.items()):
            is_stream = any(EVENTS in each.get("content", ()) for each in operation["responses"].values())
            is_tried = ONLY.search(path) is not None and (role != "hook" or path in of_hooks)
            if is_stream or not is_tried:
                del item[method]
                continue
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in likely:
                    parameter["schema"] = {"anyOf": [{"enum": likely[parameter["name"]]}, parameter["schema"]]}
            members = _members(operation)
            if "workflow" in members:
                members["workflow"] = {"anyOf": [{"enum": workflows}, members["workflow"]]}
        if not item:
            del document["paths"][path]
    return document


def _members(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    members: dict[str, Any] = content["application/json"]["schema"].get("properties", {}) if content else {}
    return members


def text_of(name: str) -> str:
    return f'version: "1.0.0"\nref: fuzzed.{name}\n{DEFINITIONS[name]}'


def names_that_exist(client: Client) -> dict[str, list[str]]:
    """Make what requests are about, and return the names by the parameters that have them."""
    runs = runs_of_several_states(client)
    client.ask(SetKey("drawn", "a secret"))
    client.ask(SendEvent("drawn", {}))
    client.ask(SendEvent("drawn"))
    events, inquiries = client.ask(Events()), client.ask(Inquiries())
    assert isinstance(events, EventsAnswer)
    assert isinstance(inquiries, InquiriesAnswer)
    return {
        "run": runs,
        "event": [each["event"] for each in events.events],
        "inquiry": [each["id"] for each in inquiries.inquiries],
        **{parameter: ["drawn"] for parameter in ("name", "rule", "schedule")},  # any text is a webhook's URL
    }


def runs_of_several_states(client: Client) -> list[str]:
    """Start runs, and return the ids: of one that has succeeded, failed, runs, is paused, is cancelled; two ask."""
    runs = []
    for name in ("echo", "items", "sleep", "sleep", "sleep", "ask", "ask"):
        accepted = client.ask(Submit(f"fuzzed.{name}"))
        assert isinstance(accepted, Accepted)
        runs.append(accepted.run)
    for run in runs[:2]:
        assert isinstance(list(client.answers(Watch(run)))[-1], Ended)
    client.ask(controls.Pause(runs[3]))
    client.ask(controls.Cancel(runs[4]))
    return runs


def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the gateway's bounds on time: a busy machine is no slow client."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 10 * PATIENCE)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 10 * PATIENCE)
    monkeypatch.setattr(bodies, "REQUEST_SECONDS", 10.0 * PATIENCE)


def fuzzing(
    folder: Path, role: Role, token: str, drawn: Callable[[int], None]
) -> Callable[[Client, str], Awaitable[None]]:
    """Return a test of a gateway's port, with requests of a token. `drawn` is called with their number."""

    async def test(client: Client, url: str) -> None:
        known = await asyncio.to_thread(names_that_exist, client)
        (folder / "api.json").write_bytes(msgspec.json.encode(described(role, known)))
        (folder / "schemathesis.toml").write_text(CONFIGURATION)
        phases = ALL_PHASES if "STRETTO_FUZZ" in os.environ else PHASES[role]
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "schemathesis.cli", "run", "api.json", "--url", url, "--phases", phases,
            "--max-examples", str(COUNT), "--request-timeout", str(PATIENCE), "--suppress-health-check", "all",
            "--header", f"Authorization: Bearer {token}", "--continue-on-failure", "--no-color", "--warnings", "off",
            cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await child.communicate()
        report = output.decode()
        (folder / "report.txt").write_text(report)
        assert child.returncode == 0, report
        counted = re.search(r"([\d,]+) generated, ([\d,]+) passed", report)
        assert counted, report
        assert counted[1] == counted[2]
        count = int(counted[1].replace(",", ""))
        if role != "hook" and not ONLY.pattern:
            assert count >= (5000 if COUNT >= CAMPAIGN else 20 * COUNT)
        drawn(count)

    return test


@pytest.mark.parametrize("role", PHASES)
def test_every_answer_is_one_of_the_description(
    role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """Whatever is sent."""
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    for name in DEFINITIONS:
        (definitions / f"{name}.yaml").write_text(text_of(name))
    for name, text in TRIGGERS.items():
        (definitions / f"{name}.yaml").write_text(text)
    patient(monkeypatch)
    store = f"sqlite:///{tmp_path}/store.db"
    test = fuzzing(tmp_path, role, token_in(store, role), partial(record_property, DRAWN))
    with_port(tmp_path, test, patience=COUNT * PATIENCE, definitions=str(definitions), store=store)
