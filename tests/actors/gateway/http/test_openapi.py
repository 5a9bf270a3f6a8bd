"""The description of the API is OpenAPI, and says what the tables of routes and problems say."""

import asyncio
import itertools
import re
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.openapi import written
from stretto.actors.gateway.http.problems import STATUSES
from stretto.actors.operations import (
    API,
    EVENTS,
    HEADERS,
    ROUTES,
    ApiDescription,
    ContextVersions,
    DescribeApi,
    Route,
    has_body,
)
from stretto.actors.operations.forms import places_of
from tests.support.gateways import exchange, http, post, with_gateway
from tests.support.harness import PATIENCE
from tests.support.paths import DOCS, ROOT

DOCUMENT: dict[str, Any] = msgspec.json.decode(written())


def operation_of(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][API + route.place][route.method.lower()]
    return operation


def test_the_copy_in_docs_is_the_document() -> None:
    """`make docs` writes it again after a change of the table."""
    assert (ROOT / "docs" / "openapi.json").read_bytes() == written(), "run `make docs`"


def test_another_process_writes_the_same_bytes() -> None:
    """Whatever the hashes of texts are in it."""
    script = "import sys; from stretto.actors.gateway.http.openapi import written; sys.stdout.buffer.write(written())"
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=PATIENCE)
    assert child.stdout == written()


def test_the_document_is_openapi() -> None:
    """By the schema of OpenAPI 3.1 and its rules on ids and parameters."""
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_document_has_the_routes_and_no_other() -> None:
    """Each with its fields, its role and its answer."""
    operations = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert operations == {(route.method.lower(), API + route.place) for route in ROUTES}


ALONE = [
    route for route in ROUTES if sum((each.method, each.place) == (route.method, route.place) for each in ROUTES) == 1
]
"""The routes that share their method and path with no other one."""


@pytest.mark.parametrize("route", ALONE, ids=lambda route: f"{route.method} {route.place}")
def test_an_operation_is_its_route(route: Route) -> None:
    """No field of the request is forgotten, and none has another place."""
    operation = operation_of(route)
    assert operation.get("x-role") == route.role
    assert bool(operation["security"]) == (route.role is not None)
    assert operation["summary"].endswith(".")
    if route.status != HTTPStatus.NO_CONTENT:
        assert list(operation["responses"][str(route.status)]["content"]) == [route.media_type]
    parameters = [(each["in"], each["name"]) for each in operation.get("parameters", ()) if each["in"] != "header"]
    places = places_of(route)
    called = {"labels": "label", "search": "q"}
    queried = [called.get(name, name) for name in places.query]
    assert parameters == [*(("path", name) for name in places.path), *(("query", name) for name in queried)]
    headers = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "header"]
    expected = [HEADERS[name] for name in places.headers]
    expected += ["Last-Event-ID"] if route.media_type == EVENTS else ["If-None-Match"] if route.tagged else []
    assert headers == expected
    assert ("304" in operation["responses"]) == route.tagged
    assert set(map(str, route.also)) <= operation["responses"].keys()
    if has_body(route):
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert list(body.get("properties", ())) == (places.body if route.whole is None else [])
        assert body.get("additionalProperties", True) == (route.whole is not None)
    else:
        assert "requestBody" not in operation


def test_routes_with_the_same_place_are_one_operation() -> None:
    """Its body is that of one of them, and its query selects."""
    patch = DOCUMENT["paths"][f"{API}/runs/{{run}}/tasks/{{task}}"]["patch"]
    bodies = patch["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert [list(body["properties"]) for body in bodies] == [["concurrency", "note"], ["max_failures", "note"]]
    rerun = DOCUMENT["paths"][f"{API}/runs/{{run}}/rerun"]["post"]
    assert {"name": "dry_run", "in": "query", "required": False, "schema": {"enum": ["1"]}} in rerun["parameters"]
    assert {"200", "202"} <= rerun["responses"].keys()


def test_every_code_is_an_answer_with_its_status() -> None:
    """Of some operation, apart from that of a method that a path does not have."""
    refusals = DOCUMENT["components"]["responses"]
    told = {
        (code, refusal["content"]["application/problem+json"]["schema"]["properties"]["status"]["const"])
        for refusal in refusals.values()
        for code in refusal["content"]["application/problem+json"]["schema"]["properties"]["code"]["enum"]
    }
    assert told == set(STATUSES.items())
    answered = {status for route in ROUTES for status in operation_of(route)["responses"]}
    assert {str(status) for status in STATUSES.values()} - answered == {"405"}


def test_the_daemon_serves_the_document(tmp_path: Path) -> None:
    """The same bytes, also to the client."""

    async def test(client: Client) -> None:
        reply = await exchange(client, http("GET", f"{API}/openapi.json"))
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
        assert reply.body == written()
        answer = await asyncio.to_thread(client.ask, DescribeApi())
        assert isinstance(answer, ApiDescription)
        assert msgspec.json.decode(answer.document) == DOCUMENT

    with_gateway(tmp_path, test)


def test_a_replay_that_is_too_long_is_refused_as_the_document_says(tmp_path: Path) -> None:
    """A request without a body can reach a limit, too."""

    async def test(client: Client) -> None:
        definition = {
            "file": "a.yaml",
            "text": 'ref: a.b\nversion: "1"\ntasks: [{name: a, action: core.noop, with_items: [1, 2]}]\n',
        }
        answer = await exchange(client, post(f"{API}/runs?wait=30", {"workflow": definition}))
        run = answer.json["run"]
        refused = await exchange(client, http("GET", f"{API}/runs/{run}/context/versions?max_entries=1"))
        assert (refused.status, refused.json["code"]) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "limit_exceeded")

    with_gateway(tmp_path, test, store=f"sqlite:///{tmp_path}/runs.db")
    route = next(each for each in ROUTES if each.request is ContextVersions)
    assert str(HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value) in operation_of(route)["responses"]


def test_a_refusal_with_findings_is_as_the_document_says(tmp_path: Path) -> None:
    """Each finding has all of its members."""

    async def test(client: Client) -> None:
        refused = await exchange(client, post(f"{API}/runs", {"workflow": {"file": "a.yaml", "text": "tasks: 3"}}))
        assert refused.json["findings"]
        content = DOCUMENT["components"]["responses"]["Refused422"]["content"]["application/problem+json"]
        jsonschema.validate(refused.json, content["schema"] | {"components": DOCUMENT["components"]})

    with_gateway(tmp_path, test)


def test_the_page_of_the_api_names_every_route() -> None:
    """In the table, where a path may be short behind a whole one: `/runs/{run}/pause`, `/resume`."""
    cells = re.findall(r"^\| ((?:GET|POST|PUT|PATCH|DELETE) [^|]*) \|", (DOCS / "api.md").read_text(), re.MULTILINE)
    paths = [(cell, [each.partition("?")[0] for each in re.findall(r"`([^`]+)`", cell)]) for cell in cells]

    def is_named(route: Route) -> bool:
        place = route.place or API
        return any(
            route.method in cell and place.endswith(short) and whole.startswith(place.removesuffix(short))
            for cell, named in paths
            for short, whole in itertools.product(named, named)
        )

    assert [f"{route.method} {route.place}" for route in ROUTES if not is_named(route)] == []
