"""The endpoints of the operations: a request is read, allowed, asked of the engine, and answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import pykka
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from stretto.actors.access import Access, Caller, require
from stretto.actors.dispatch import call
from stretto.actors.engine import Engine, EngineHost
from stretto.actors.gateway.http.api_endpoints import ApiEndpoints
from stretto.actors.gateway.http.application import MORE_HEADERS, Application
from stretto.actors.gateway.http.bodies import LOGIN, RequestMemory
from stretto.actors.gateway.http.callers import Senders
from stretto.actors.gateway.http.cells import ItemCells
from stretto.actors.gateway.http.definitions import DefinitionEndpoints
from stretto.actors.gateway.http.ended_runs import EndedRuns
from stretto.actors.gateway.http.engine_facts import EngineEndpoints
from stretto.actors.gateway.http.etags import is_known, not_modified, tag_of, tagged
from stretto.actors.gateway.http.express import ExpressLane
from stretto.actors.gateway.http.graphs import Layouts
from stretto.actors.gateway.http.hooks import HookEndpoints
from stretto.actors.gateway.http.in_flight import CountedAnswer, RequestsInFlight
from stretto.actors.gateway.http.next_pages import Listed
from stretto.actors.gateway.http.origins import Origins
from stretto.actors.gateway.http.request_rates import RequestRates
from stretto.actors.gateway.http.restrictions import Restrictions, hiding_runs
from stretto.actors.gateway.http.routing import LazyRoute
from stretto.actors.gateway.http.run_graphs import RunGraphs
from stretto.actors.gateway.http.sessions import Sessions
from stretto.actors.gateway.http.starting import Starting
from stretto.actors.gateway.http.streams import Stream, Streams
from stretto.actors.gateway.http.tokens import TokenEndpoints
from stretto.actors.gateway.http.validators import Validators
from stretto.actors.gateway.http.waiting import LateAnswer
from stretto.actors.operations import (
    API,
    HAS_LARGE_VALUES,
    ROUTES,
    Accepted,
    ControlRequest,
    Described,
    Drawing,
    Found,
    ListRoutes,
    Request,
    Route,
    ask,
    body_of,
    events,
    frames_of,
    has_body,
    note_of,
    request_of,
    requests,
    route_for,
    with_links,
)  # fmt: skip
from stretto.actors.outcome import AmbiguousRun, chosen_run
from stretto.definitions.data import encode_json

if TYPE_CHECKING:
    from stretto.actors.gateway.http.asking import Answering
    from stretto.actors.runs import Services

WORKERS: Final = 2
"""Threads for work of milliseconds, which would block the loop: drawing graphs, encoding exports."""
PIECE_BYTES: Final = 256 * 1024
"""Bytes of a large value that are sent at once."""
WITH_SLASHES: Final = ("ref", "rule", "schedule", "sensor", "url")
"""The names in paths that may have slashes."""
A = TypeVar("A", bound=msgspec.Struct)
_Answered = Callable[[Route, Any, Caller], Awaitable[Response | Stream | LateAnswer]]


class Endpoints:
    """Answers the requests of the API. All of it runs in one event loop.

    Args:
        engine: The engine.
        ended: The runs that have ended.
        streams: The streams that clients follow.
        access: Knows the tokens.
        origins: The beginning of links.
        senders: Finds out who sends a request.
        sessions: Begins and ends the sessions of browsers.
        about_engine: Answers the requests about the daemon itself.
        in_flight: Bounds the requests of each client that are answered at a time.
        rates: Bounds those that each client sends in a second.
        services: What the engine's actors share.
    """

    def __init__(  # noqa: PLR0913 - each is another thing to answer from
        self,
        engine: pykka.ActorRef[Any],
        ended: EndedRuns,
        streams: Streams,
        *,
        access: Access,
        origins: Origins,
        senders: Senders,
        sessions: Sessions,
        about_engine: EngineEndpoints,
        in_flight: RequestsInFlight,
        rates: RequestRates,
        services: "Services",
    ) -> None:
        self._engine = engine
        self._access = access
        self._origins = origins
        self._senders = senders
        self._sessions = sessions
        self._restrictions = Restrictions(engine)
        self._ended = ended
        self._streams = streams
        self._memory = RequestMemory()
        self._in_flight = in_flight
        self._rates = rates
        self._workers = ThreadPoolExecutor(WORKERS, "stretto-gateway")
        about_api = ApiEndpoints(self._workers)
        self._hooks = HookEndpoints(services, self._memory, self._workers)
        self._starting = Starting(engine)
        self._definitions = DefinitionEndpoints(engine, self._workers, self._starting)
        self._validators = Validators(engine)
        self._cells = ItemCells(engine, streams.hub, self._workers)
        self.answers: dict[type[Request], Answering] = {
            **self._definitions.answers(),
            **about_engine.answers(),
            **TokenEndpoints(access).answers(),
            requests.Submit: self._starting.submit,
            requests.Describe: self._describe,
        }
        """The answers to requests that no engine method answers. They can be asked for without HTTP, too."""
        self._answers: dict[type[Request], _Answered] = {
            requests.Submit: self._submit,
            requests.DescribeApi: about_api.document,
            ListRoutes: about_api.routes,
            requests.OutcomeOf: self._outcome,
            requests.RunInputs: self._inputs,
            requests.RunOutput: self._output,
            requests.ItemResult: self._result,
            requests.ItemInput: self._input,
            requests.ContextValue: self._context_value,
            requests.DeleteRun: self._delete_run,
            requests.Watch: self._watch,
            requests.WatchAll: self._watch_all,
            requests.FollowOutput: self._follow_output,
            requests.Export: self._export,
            requests.FindRun: self._find_run,
            events.SendEvent: self._hooks.send,
        }

    def routes(self) -> list[LazyRoute]:
        """Return a route for each path, which has all its methods."""
        by_place: dict[str, dict[str, list[Route]]] = {}
        for route in sorted(ROUTES, key=_order):
            by_place.setdefault(route.place, {}).setdefault(route.method, []).append(route)
        return [self._route(place, routes) for place, routes in by_place.items()]

    def run_graphs(self, layouts: Layouts) -> RunGraphs:
        """Return what finds the workflows of runs, and lays out their graphs in the threads of the endpoints."""
        return RunGraphs(self._engine, self._workers, layouts)

    def open_lane(self, lane: ExpressLane, application: Application) -> None:
        """Let the express lane take requests of webhooks."""
        lane.open(application, self._hooks.desk, self._workers)

    def close(self) -> None:
        """Stop the threads."""
        self._definitions.close()
        self._starting.close()
        self._workers.shutdown()

    def _route(self, path: str, routes: dict[str, list[Route]]) -> LazyRoute:
        async def answer(http: HttpRequest) -> Stream | Response | CountedAnswer:
            return await self._answer(routes["GET" if http.method == "HEAD" else http.method], http)

        for name in WITH_SLASHES:
            path = path.replace(f"{{{name}}}", f"{{{name}:path}}")
        return LazyRoute(API + path, answer, tuple(routes))

    async def _answer(self, routes: list[Route], http: HttpRequest) -> Stream | Response | CountedAnswer:
        role = routes[0].role  # all of them have the same
        if role is None:
            is_hook = routes[0].request is events.SendToHook
            return await (self._hooks.receive if is_hook else self._log_in)(routes[0], http)
        caller = self._senders.sender_of(http)
        require(caller, role)
        http.scope["state"][MORE_HEADERS] = self._rates.spend(caller)
        leave = self._in_flight.enter(caller)
        try:
            answer = await self._answer_of(routes, http, caller)
        except BaseException:
            leave()
            raise
        if isinstance(answer, Stream):
            leave()
            return answer
        return CountedAnswer(answer, leave)

    async def _answer_of(
        self, routes: list[Route], http: HttpRequest, caller: Caller
    ) -> Response | Stream | LateAnswer:  # fmt: skip
        if routes[0].whole is not None:
            return await self._hooks.receive_webhook(routes[0], http, caller)
        body = await self._memory.body_of(http) if has_body(routes[0]) else b""
        query = http.query_params.multi_items()
        route = route_for(routes, query, body)
        request = request_of(route, http.path_params, query, body, http.headers.raw)
        if (about_sender := self._sessions.answers.get(type(request))) is not None:
            return await about_sender(route, request, http, caller)
        if caller.workflows is not None:
            request = await self._restrictions.narrowed(route, request, caller)
        if isinstance(request, requests.Cells):
            return await self._cells.answer(http, request)
        if route.tagged:
            return await self._tagged(route, request, http, caller)
        with hiding_runs(caller):
            answer = await self._answers.get(type(request), self._usual)(route, request, caller)
        if isinstance(answer, Listed):
            answer.lead_on(request, http, query, self._origins)
        return answer

    async def _tagged(
        self, route: Route, request: Request, http: HttpRequest, caller: Caller
    ) -> Response | Stream | LateAnswer:  # fmt: skip
        """Answer with an entity tag. For a client that has the answer, it is not made if its version is known."""
        version = await self._validators.version(request)
        known = self._validators.tag(request, version)
        if known is not None and is_known(http, known):
            return not_modified(known)
        answer = await self._answers.get(type(request), self._usual)(route, request, caller)
        if not (isinstance(answer, Response) and answer.status_code == HTTPStatus.OK):
            return answer
        tag = tag_of(bytes(answer.body))
        self._validators.keep(request, version, tag)
        return tagged(http, answer, tag)

    async def _log_in(self, route: Route, http: HttpRequest) -> Response:
        self._sessions.admit(http)
        body = await self._memory.body_of(http, LOGIN)
        request: Any = request_of(route, http.path_params, http.query_params.multi_items(), body)
        return await self._sessions.log_in(route, request, http)

    async def _usual(self, route: Route, request: Request, caller: Caller) -> Response:
        if (answering := self.answers.get(type(request))) is None:
            return await self._ask(route, request, caller)
        answer = await answering(request, caller)
        if isinstance(answer, Drawing):
            return Response(answer.document, route.status, media_type=route.media_type)
        body = await asyncio.get_running_loop().run_in_executor(self._workers, body_of, route, answer)
        return Listed(answer, body, route.status, media_type=route.media_type)

    async def _ask(self, route: Route, request: Request, caller: Caller) -> Response:
        answer: msgspec.Struct = await ask(self._engine, request, caller.origin, caller.asks(note_of(request)))
        if isinstance(request, ControlRequest):
            answer = await ask(self._engine, requests.Status(request.run), caller.origin)
        if caller.workflows is not None:
            answer = await self._restrictions.check_answer(answer, caller)
        answer = await self._with_links(request, answer)
        return self._accepted(route, answer) if isinstance(answer, Accepted) else _json(route, answer)

    async def _find_run(self, route: Route, request: requests.FindRun, caller: Caller) -> Response:
        try:
            return await self._ask(route, request, caller)
        except AmbiguousRun as error:
            if caller.workflows is None:
                raise
            return _json(route, Found(chosen_run(request.text, await self._restrictions.seen(error.found, caller))))

    async def _submit(self, route: Route, request: requests.Submit, caller: Caller) -> Response | LateAnswer:
        accepted = await self._starting.submit(request, caller)
        if not request.wait:
            return self._accepted(route, accepted)

        async def make() -> Response | None:
            ended = await self._ended.outcome(accepted.run)
            if ended is None:
                return None
            outcome = {"status": ended.status, "output": ended.output, "errors": ended.errors}
            answer = msgspec.structs.replace(accepted, outcome=outcome)
            return self._accepted(route, await self._with_links(request, answer))

        return LateAnswer(self._ended.waits, accepted.run, request.wait, make, lambda: self._accepted(route, accepted))

    def _accepted(self, route: Route, answer: Accepted) -> Response:
        headers = {"location": self._origins.link(f"{API}/runs/{answer.run}")}
        if answer.replayed:
            headers["idempotent-replay"] = "true"
        status = HTTPStatus.OK if answer.replayed or answer.outcome is not None else route.status
        return Response(body_of(route, answer), status, headers, route.media_type)

    async def _describe(self, request: requests.Describe, caller: Caller) -> Described:
        workflow = await self._starting.find(request.workflow, caller)
        types: dict[str, str] = {name: parameter.type for name, parameter in workflow.parameters.items()}
        return Described(workflow.ref, types)

    async def _outcome(self, route: Route, request: requests.OutcomeOf, _caller: Caller) -> LateAnswer:
        async def make() -> Response | None:
            ended = await self._ended.outcome(request.run)
            return None if ended is None else _json(route, await self._with_links(request, ended))

        return LateAnswer(self._ended.waits, request.run, request.wait or 0, make, _no_content)

    async def _with_links(self, request: Request, answer: A) -> A:
        """Return an answer with links in place of its large values, whose sizes a thread finds out."""
        if type(request) not in HAS_LARGE_VALUES:
            return answer
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, with_links, request, answer)

    async def _inputs(self, route: Route, request: requests.RunInputs, _caller: Caller) -> Response:
        return await self._value(route, await call(self._engine, EngineHost.run_inputs, request.run))

    async def _output(self, route: Route, request: requests.RunOutput, _caller: Caller) -> Response:
        return await self._value(route, await self._ended.output(request.run))

    async def _result(self, route: Route, request: requests.ItemResult, _caller: Caller) -> Response:
        _run, *item = msgspec.structs.astuple(request)
        return await self._value(route, await call(self._engine, EngineHost.item_result, request.run, *item))

    async def _input(self, route: Route, request: requests.ItemInput, _caller: Caller) -> Response:
        _run, *item = msgspec.structs.astuple(request)
        return await self._value(route, await call(self._engine, Engine.item_input, request.run, *item))

    async def _context_value(self, route: Route, request: requests.ContextValue, _caller: Caller) -> Response:
        value = await call(self._engine, Engine.context_value, request.run, request.at, request.path)
        return await self._value(route, value)

    async def _value(self, route: Route, value: Any) -> Response:
        """Return a value of any size. It is encoded in a thread, and sent as fast as the client reads."""
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(self._workers, encode_json, value)

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(body), PIECE_BYTES):
                yield body[start : start + PIECE_BYTES]

        headers = {"content-length": str(len(body))}
        return StreamingResponse(pieces(), route.status, headers, route.media_type)

    async def _delete_run(self, _route: Route, request: requests.DeleteRun, caller: Caller) -> Response:
        await ask(self._engine, request, caller.origin, caller.asks(request.note))
        self._streams.forget(request.run)
        return _no_content()

    async def _watch(self, _route: Route, _request: requests.Watch, caller: Caller) -> Stream:
        return self._streams.of_run(caller)

    async def _watch_all(self, _route: Route, _request: requests.WatchAll, caller: Caller) -> Stream:
        return self._streams.of_engine(caller)

    async def _follow_output(self, _route: Route, _request: requests.FollowOutput, caller: Caller) -> Stream:
        return self._streams.of_output(caller)

    async def _export(self, route: Route, request: requests.Export, caller: Caller) -> Response:
        frames = frames_of(await call(self._engine, Engine.export, request.run, by=caller.asks()))
        loop = asyncio.get_running_loop()

        async def lines() -> AsyncIterator[bytes]:
            while (frame := await loop.run_in_executor(self._workers, next, frames, None)) is not None:
                yield encode_json(frame) + b"\n"

        return StreamingResponse(lines(), media_type=route.media_type)


def _order(route: Route) -> tuple[bool, int, str]:
    """Return the place of a route among the others: a literal name comes before one in braces.

    A ref may have slashes, so that the longer one of two paths with refs comes first.
    """
    has_ref = any(f"{{{name}}}" in route.place for name in WITH_SLASHES)
    return has_ref, -len(route.place) if has_ref else 0, route.place


def _json(route: Route, answer: msgspec.Struct) -> Response:
    return Listed(answer, body_of(route, answer), route.status, media_type=route.media_type)


def _no_content() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT)
