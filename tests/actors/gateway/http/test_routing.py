"""The table of routes answers as a router of all routes does, and tries few of them."""

from typing import Any

import pytest
from starlette.routing import Match, Route

from stretto.actors.gateway.http.routing import LazyRoute, RouteTable

PATHS = (
    "/healthz", "/api/v1/runs", "/api/v1/runs:find", "/api/v1/runs/counts", "/api/v1/runs/{run}",
    "/api/v1/runs/{run}/tasks", "/api/v1/runs/{run}/{part}", "/api/v1/schedules/{schedule:path}/next",
    "/api/v1/schedules/{schedule:path}", "/{page}", "/{page}/{part}/x",
)  # fmt: skip


async def nothing(*_arguments: Any) -> None:
    raise AssertionError


ROUTES = [LazyRoute(path, nothing) for path in PATHS]


def fitting(routes: Any, path: str) -> list[str]:
    scope = {"type": "http", "path": path, "method": "GET", "headers": []}
    return [route.path for route in routes if route.matches(scope)[0] != Match.NONE]


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/healthz", "/healthz/", "/api/v1/runs", "/api/v1/runs/", "/api/v1/runs:find", "/api/v1/runs/counts",
        "/api/v1/runs/run-1", "/api/v1/runs/run-1/tasks", "/api/v1/runs/run-1/why", "/api/v1/runs/run-1/a/b",
        "/api/v1/schedules/", "/api/v1/schedules/a", "/api/v1/schedules/a/b/next", "/api/v1/schedules" + "/a" * 40,
        "/other", "/other/a/x", "/other/a/y", "//", "/api//v1/runs",
    ],
)  # fmt: skip
def test_all_routes_that_fit_a_path_are_tried_in_their_order(path: str) -> None:
    table = RouteTable(ROUTES, nothing)
    assert fitting(table.of(path).routes, path) == fitting([route.made() for route in ROUTES], path)


def test_a_route_is_made_once_with_the_first_request_that_it_may_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start compiles no regular expressions, and a path that fits nothing compiles each once."""
    made: list[str] = []
    route_of = LazyRoute.made

    def counted(route: LazyRoute) -> Route:
        made.append(route.path)
        return route_of(route)

    monkeypatch.setattr(LazyRoute, "made", counted)
    table = RouteTable(ROUTES, nothing)
    assert made == []
    for path in ("/api/v1/runs", "/api/v1/runs", "/made/up", "/api/v1/runs/run-1", "/made/up"):
        table.of(path)
    assert made == ["/api/v1/runs", *(path for path in PATHS if path != "/api/v1/runs")]


def test_few_routes_are_tried() -> None:
    table = RouteTable(ROUTES, nothing)
    assert [route.path for route in table.of("/api/v1/runs").routes if isinstance(route, Route)] == ["/api/v1/runs"]
    assert len(table.of("/api/v1/runs/run-1").routes) == 2


def test_paths_that_clients_make_up_take_no_memory() -> None:
    table = RouteTable(ROUTES, nothing)
    whole = table.of("/made/up")
    for number in range(100):
        assert table.of(f"/made/up{number}") is whole
        assert table.of("/api/v1/runs" + "/x" * (20 + number)) is whole
