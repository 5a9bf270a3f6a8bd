"""Every request has an id and an answer, and an error of one harms no other."""

import asyncio
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.engine import Engine
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.wire import RequestRefused
from stretto.actors.operations import API, REPORTS, Definitions, DefinitionsAnswer
from stretto.actors.operations.requests import Definition, Describe, Runs, Status
from tests.support.gateways import exchange, http, post, with_gateway
from tests.support.harness import PATIENCE

WORKFLOWS = http("GET", f"{API}/definitions")


def test_an_answer_has_the_requests_id_and_is_not_kept(tmp_path: Path) -> None:
    """A refusal has it in its body as well."""

    async def test(client: Client) -> None:
        fine, refused = (
            await exchange(client, WORKFLOWS),
            await exchange(client, http("GET", f"{API}/runs/nobody/status")),
        )
        assert fine.headers["x-request-id"] != refused.headers["x-request-id"]
        for reply in (fine, refused):
            assert abs(parsedate_to_datetime(reply.headers["date"]).timestamp() - time.time()) < PATIENCE
        assert fine.headers["cache-control"] == "no-store"
        assert fine.headers["content-type"] == "application/json"
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json == {
            "type": "/problems/unknown_run", "title": "Not Found", "status": 404, "code": "unknown_run",
            "detail": "there is no run 'nobody' (the last 1,000 that ended are remembered)",
            "instance": refused.headers["x-request-id"],
        }  # fmt: skip

    with_gateway(tmp_path, test)


@pytest.mark.parametrize(
    ("request_", "status", "code", "detail"),
    [
        (http("GET", f"{API}/definition"), 404, "not_found", f"did you mean '{API}/definitions'?"),
        (http("GET", "/nothing"), 404, "not_found", "there is nothing at /nothing"),
        (http("PUT", f"{API}/runs"), 405, "method_not_allowed", "this path has GET, HEAD, POST only"),
        (post(f"{API}/runs", {"workflow": "nobody"}), 404, "unknown_workflow", "'nobody'"),
        (post(f"{API}/runs", {"workflow": "/etc/passwd"}), 404, "unknown_workflow", "does not open clients' paths"),
        (post(f"{API}/runs", {"workflow": "a.yaml"}), 404, "unknown_workflow", "does not open clients' paths"),
        (post(f"{API}/runs", {"workflow": 5}), 400, "bad_request", "`workflow` must be a text or an object, got 5"),
        (http("POST", f"{API}/runs", b"no json"), 400, "bad_request", "the body must be a JSON object"),
        (http("GET", f"{API}/runs/%00%ff/status"), 404, "unknown_run", "there is no run"),
    ],
)
def test_a_wrong_request_is_refused(tmp_path: Path, request_: bytes, status: int, code: str, detail: str) -> None:
    """With a stable code, and the words of the command line."""

    async def test(client: Client) -> None:
        refused = await exchange(client, request_)
        assert (refused.status, refused.json["code"]) == (status, code)
        assert detail in refused.json["detail"]

    with_gateway(tmp_path, test)


def test_a_definition_that_cannot_be_used(tmp_path: Path) -> None:
    """The findings have their places."""

    async def test(client: Client) -> None:
        refused = await exchange(client, post(f"{API}/runs", {"workflow": {"file": "a.yaml", "text": "tasks: 3"}}))
        assert (refused.status, refused.json["code"]) == (422, "invalid_definition")
        assert {"file": "a.yaml", "line": 1, "severity": "error"}.items() <= refused.json["findings"][0].items()
        with pytest.raises(RequestRefused) as raised:
            await asyncio.to_thread(client.ask, Describe(Definition("a.yaml", "tasks: 3")))
        assert raised.value.refusal.findings[0].startswith("a.yaml:1:")

    with_gateway(tmp_path, test)


def test_head_has_the_headers_alone(tmp_path: Path) -> None:
    """Of a page, of a refusal, and of a probe."""

    async def test(client: Client) -> None:
        for target, status in ((f"{API}/definitions", 200), (f"{API}/runs/nobody/status", 404), ("/healthz", 200)):
            reply = await exchange(client, http("HEAD", target))
            assert (reply.status, reply.body) == (status, b"")
            assert int(reply.headers["content-length"]) > 0

    with_gateway(tmp_path, test)


def test_a_fault_of_the_daemon_is_told_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its text stays in the log, under the request's id; the next request is answered."""

    def broken(*_arguments: Any, **_fields: Any) -> Any:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(Engine, "status", broken)

    async def test(client: Client) -> None:
        refused = await exchange(client, http("GET", f"{API}/runs/nobody/status"))
        assert (refused.status, refused.json["code"]) == (500, "internal_error")
        assert b"secret" not in refused.body
        assert (await exchange(client, WORKFLOWS)).status == 200

    with_gateway(tmp_path, test)


def test_without_a_store_its_questions_are_refused(tmp_path: Path) -> None:
    """Each with the same code."""

    async def test(client: Client) -> None:
        for request in (Runs(),):
            with pytest.raises(RequestRefused) as raised:
                await asyncio.to_thread(client.ask, request)
            assert raised.value.refusal.code == "no_store"
        assert Status in REPORTS
        assert isinstance(await asyncio.to_thread(client.ask, Definitions()), DefinitionsAnswer)

    with_gateway(tmp_path, test)
