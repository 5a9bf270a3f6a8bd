"""Finds the route of a request: only those routes are tried whose path begins as the request's and is as long.

Starlette tries all routes in turn. The daemon has more than a hundred, and each costs a regular expression. So a route
is made with the first request that it may fit: a daemon that no one asks has none.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.routing import Route, Router

_BEGIN: Final = 3
"""Segments that are compared before a route is tried: `/api/v1` and the name of what the request is about."""
_LONGEST: Final = 12
"""Segments of a path. Longer ones are looked for among all routes."""
_PATH: Final = ":path}"
"""The end of a segment that stands for any number of segments."""
_Key = tuple[tuple[str, ...], int]


class LazyRoute(NamedTuple):
    """A route that is made with the first request that it may fit.

    Attributes:
        path: The path, with names in braces.
        endpoint: Answers its requests.
        methods: The methods that it has. HEAD comes with GET.
    """

    path: str
    endpoint: Callable[[Request], Awaitable[Any]]
    methods: tuple[str, ...] = ("GET",)

    def made(self) -> Route:
        """Return the route."""
        return Route(self.path, self.endpoint, methods=self.methods)


class RouteTable:
    """All routes, by the begin and the length of their paths.

    Args:
        routes: The routes. The first one that fits is the route of a request.
        default: Answers the requests that no route fits.
    """

    def __init__(self, routes: Sequence[LazyRoute], default: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._routes = [(route, route.path.split("/")[1:]) for route in routes]
        self._default = default
        self._begins = {_literal(segments) for _route, segments in self._routes}
        self._made: dict[LazyRoute, Route] = {}
        self._routers: dict[_Key, Router] = {}

    def of(self, path: str) -> Router:
        """Return a router with the routes that can fit a path, in their order."""
        segments = path.split("/", _LONGEST + 1)[1:]
        key = tuple(segments[:_BEGIN]), len(segments)
        found = self._routers.get(key)
        if found is None:
            # Only begins of routes are kept: a client can make up any number of others.
            if key[0] not in self._begins or key[1] > _LONGEST:
                return self._all
            found = self._routers[key] = self._router(route for route, own in self._routes if _can_fit(own, key))
        return found

    @cached_property
    def _all(self) -> Router:
        return self._router(route for route, _segments in self._routes)

    def _router(self, routes: Iterable[LazyRoute]) -> Router:
        made = [self._made.get(each) or self._made.setdefault(each, each.made()) for each in routes]
        return Router(made, redirect_slashes=False, default=self._default)


def _literal(segments: Sequence[str]) -> tuple[str, ...]:
    """Return the begin of a route's path. One with a name in braces is that of no request."""
    return tuple(segments[:_BEGIN])


def _can_fit(route: Sequence[str], key: _Key) -> bool:
    begin, length = key
    for number, segment in enumerate(route):
        if segment.endswith(_PATH):
            return length > number
        if number < len(begin) and "{" not in segment and segment != begin[number]:
            return False
    return len(route) == length
