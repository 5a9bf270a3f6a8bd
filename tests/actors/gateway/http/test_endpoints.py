"""Who may send which request: every route as nobody, and as each role."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import endpoints, openapi
from stretto.actors.gateway.http.callers import Caller
from stretto.actors.operations import API, ROUTES, Role, Route, has_body
from tests.support.gateways import Reply, http, post, read_reply, with_port

ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
DOCUMENT = openapi.describe()
UNKNOWN = "00000000"
"""The id of no run, and the name of nothing else."""
OWN = {"workflow": {"file": "a.yaml", "text": 'version: "1.0.0"\nref: a.b\ntasks: [{name: a, action: core.noop}]\n'}}


def operation_of(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][API + route.path][route.method.lower()]
    return operation


def value_of(schema: dict[str, Any]) -> Any:
    """Return a value that a field takes."""
    kinds = [schema.get("type"), *(each.get("type") for each in schema.get("anyOf", ()))]
    return 1 if {"integer", "number"} & set(kinds) else schema.get("enum", [UNKNOWN])[0]


def request_of(route: Route) -> bytes:
    """Return a request with all that it must have."""
    operation = operation_of(route)
    required = [each for each in operation.get("parameters", ()) if each["required"]]
    path = route.path
    for each in required:
        path = path.replace("{" + each["name"] + "}", quote(str(value_of(each["schema"]))))
    query = urlencode({each["name"]: value_of(each["schema"]) for each in required if each["in"] == "query"})
    target = f"{API}{path}?{query}" if query else API + path
    if not has_body(route):
        return http(route.method, target)
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    members = {name: value_of(body["properties"][name]) for name in body.get("required", ())}
    return http(route.method, target, msgspec.json.encode(members))


async def answer(url: str, request: bytes) -> Reply:
    """Send a request to the port."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(request)
    try:
        return read_reply(await reader.read())
    finally:
        writer.close()


@pytest.fixture
def be(monkeypatch: pytest.MonkeyPatch) -> Callable[[Role], None]:
    """Have all further requests come from a role."""

    def become(role: Role) -> None:
        monkeypatch.setattr(endpoints, "caller_of", lambda *_: Caller(role, "remote"))

    return become


def test_every_route_is_refused_to_nobody(tmp_path: Path) -> None:
    """Before anything else of the request is looked at."""

    async def test(_client: Client, url: str) -> None:
        for route in ROUTES:
            reply = await answer(url, request_of(route))
            assert (reply.status, reply.json["code"]) == (401, "unauthenticated"), route
            assert "www-authenticate" in reply.headers

    with_port(tmp_path, test)


@pytest.mark.parametrize("role", ROLES)
def test_every_route_is_answered_to_its_role_and_those_above(
    role: Role, tmp_path: Path, be: Callable[[Role], None]
) -> None:
    """And refused to those below. What is answered is in the description, and is no fault of the daemon's."""

    async def test(_client: Client, url: str) -> None:
        be(role)
        for route in ROUTES:
            reply = await answer(url, request_of(route))
            if ROLES.index(role) < ROLES.index(route.role):
                assert (reply.status, reply.json["code"]) == (403, "forbidden"), route
                assert reply.json["detail"] == f"this needs the role {route.role}, and yours is {role}"
            else:
                assert str(reply.status) in operation_of(route)["responses"], (route, reply)
                assert reply.status not in {401, 403}, (route, reply)
                assert reply.status < 500, (route, reply)

    with_port(tmp_path, test, store=f"sqlite:///{tmp_path}/store.db")


def test_a_role_comes_before_the_request(tmp_path: Path, be: Callable[[Role], None]) -> None:
    """A viewer does not learn what is wrong with a request that it may not send."""

    async def test(_client: Client, url: str) -> None:
        be("viewer")
        assert (await answer(url, http("POST", f"{API}/runs", b"no json"))).status == 403
        be("operator")
        assert (await answer(url, http("POST", f"{API}/runs", b"no json"))).status == 400

    with_port(tmp_path, test)


def test_a_definition_of_ones_own_is_an_admins(tmp_path: Path, be: Callable[[Role], None]) -> None:
    """It may run any action of the daemon with any input."""

    async def test(_client: Client, url: str) -> None:
        for role, status in (("viewer", 403), ("operator", 403), ("admin", 202)):
            be(role)  # type: ignore[arg-type]  # roles
            reply = await answer(url, post(f"{API}/runs", OWN))
            assert reply.status == status
        assert reply.headers["location"] == f"{API}/runs/{reply.json['run']}"

    with_port(tmp_path, test)
