"""Well-formed requests of every route, from each role."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import pytest

from stretto.actors.access.roles import includes
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import openapi
from stretto.actors.operations import API, EVENTS, ROUTES, Role, Route, has_body
from tests.support.access import token_in
from tests.support.gateways import Reply, http, read_reply, with_port

ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
DOCUMENT = openapi.describe()
UNKNOWN = "00000000"
"""The id of no run, and the name of nothing else."""


def operation_of(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][API + route.place][route.method.lower()]
    return operation


def value_of(schema: dict[str, Any]) -> Any:
    """Return a value that a field takes."""
    kinds = [schema.get("type"), *(each.get("type") for each in schema.get("anyOf", ()))]
    return 1 if {"integer", "number"} & set(kinds) else schema.get("enum", [UNKNOWN])[0]


def request_of(route: Route, token: str) -> bytes:
    """Return a request with all that it must have."""
    authorization = f"Bearer {token}"
    operation = operation_of(route)
    required = [each for each in operation.get("parameters", ()) if each["required"]]
    path = route.place
    for each in required:
        path = path.replace("{" + each["name"] + "}", quote(str(value_of(each["schema"]))))
    query = urlencode({each["name"]: value_of(each["schema"]) for each in required if each["in"] == "query"})
    target = f"{API}{path}?{query}" if query else API + path
    if not has_body(route):
        return http(route.method, target, authorization=authorization)
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    members = {name: value_of(body["properties"][name]) for name in body.get("required", ())}
    return http(route.method, target, msgspec.json.encode(members), authorization=authorization)


async def answer(url: str, request: bytes) -> Reply:
    """Send a request to the port. Of a stream, which does not end, only the headers are read."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(request)
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        return read_reply(head if EVENTS.encode() in head else head + await reader.read())
    finally:
        writer.close()


@pytest.mark.parametrize("role", ROLES)
def test_every_route_is_answered_to_its_role_and_those_above(role: Role, tmp_path: Path) -> None:
    """And refused to those below. What is answered is in the description, and is no fault of the daemon's."""
    store = f"sqlite:///{tmp_path}/store.db"
    token = token_in(store, role)

    async def test(_client: Client, url: str) -> None:
        for route in ROUTES:
            if route.role is None:
                continue
            reply = await answer(url, request_of(route, token))
            if not includes(role, route.role):
                assert (reply.status, reply.json["code"]) == (403, "forbidden"), route
                assert route.role in reply.json["detail"]
                assert role in reply.json["detail"]
            else:
                assert str(reply.status) in operation_of(route)["responses"], (route, reply)
                assert reply.status not in {401, 403}, (route, reply)
                assert reply.status < 500, (route, reply)

    with_port(tmp_path, test, store=store)


def test_the_description_is_for_restricted_tokens_as_well(tmp_path: Path) -> None:
    """It says nothing of other workflows."""
    store = f"sqlite:///{tmp_path}/store.db"
    token = token_in(store, "viewer", ("ops.greet",))

    async def test(_client: Client, url: str) -> None:
        authorization = f"Bearer {token}"
        reply = await answer(url, http("GET", f"{API}/openapi.json", authorization=authorization))
        assert (reply.status, reply.body) == (200, openapi.written())
        assert (await answer(url, http("GET", f"{API}/audit", authorization=authorization))).status == 403

    with_port(tmp_path, test, store=store)


def test_a_role_comes_before_the_request(tmp_path: Path) -> None:
    """A viewer does not learn what is wrong with a request that it may not send."""
    store = f"sqlite:///{tmp_path}/store.db"
    viewer, operator = token_in(store, "viewer"), token_in(store, "operator")

    async def test(_client: Client, url: str) -> None:
        for token, status in ((viewer, 403), (operator, 400), ("none", 401)):
            request = http("POST", f"{API}/runs", b"no json", authorization=f"Bearer {token}")
            assert (await answer(url, request)).status == status

    with_port(tmp_path, test, store=store)
