"""The API says what it has to the first client that asks."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from stretto.actors.gateway.http.api_endpoints import ApiEndpoints
from stretto.actors.gateway.http.openapi import written
from stretto.actors.operations import API, ROUTES, ListRoutes, Route
from stretto.actors.operations.requests import DescribeApi

NOBODY: Any = None


def route_of(request: type) -> Route:
    return next(route for route in ROUTES if route.request is request)


def test_the_document_is_the_same_for_each_client() -> None:
    """Also for two that ask at once."""

    async def test() -> None:
        with ThreadPoolExecutor(2) as workers:
            endpoints, route = ApiEndpoints(workers), route_of(DescribeApi)
            answers = await asyncio.gather(*(endpoints.document(route, DescribeApi(), NOBODY) for _ in range(2)))
        assert [answer.body for answer in answers] == [written()] * 2
        assert answers[0].media_type == "application/json"

    asyncio.run(test())


def test_each_route_is_listed_with_its_role_and_the_first_line_of_its_request() -> None:
    """In the order of the table."""

    async def test() -> bytes:
        with ThreadPoolExecutor(1) as workers:
            return bytes((await ApiEndpoints(workers).routes(route_of(ListRoutes), ListRoutes(), NOBODY)).body)

    answer = msgspec.json.decode(asyncio.run(test()))
    assert answer["description"] == f"{API}/openapi.json"
    assert [(each["method"], each["path"]) for each in answer["routes"]] == [
        (route.method, API + route.path) for route in ROUTES
    ]
    own = next(each for each in answer["routes"] if each["path"] == f"{API}/openapi.json")
    assert own == {
        "method": "GET", "path": f"{API}/openapi.json", "role": "viewer",
        "summary": (DescribeApi.__doc__ or "").partition("\n")[0],
    }  # fmt: skip
