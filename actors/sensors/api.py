"""The part of Attune's API that sensors reach: POST /api/v1/events, and GET /api/v1/keys/REF of the sensor's own pack.

Each process of a sensor that uses it has a port of its own on the loopback address, and a token for it. Both end with
the process. So a sensor that leaves its connections open takes none from the others.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from stretto.actors.actions import PackAccess
from stretto.actors.journal import Unrecordable
from stretto.actors.sensors.conversation import Acceptance, InvalidSensorEvent
from stretto.actors.sensors.pacing import Pace
from stretto.actors.sensors.program import SensorProgram
from stretto.definitions.data import encode_json
from stretto.definitions.errors import StrettoError
from stretto.definitions.rules import RULE_REF

if TYPE_CHECKING:
    from aiohttp import web

    from stretto.actors.actions import PackKeys

EVENTS: Final = "/api/v1/events"
KEYS: Final = "/api/v1/keys/"
MAX_API_CONNECTIONS: Final = 16
"""Connections of one sensor at a time. Others are closed at once."""
_HOST: Final = "127.0.0.1"
_TOKEN_BYTES: Final = 32


class ApiUser(Protocol):
    """A sensor that may use the API."""

    program: SensorProgram
    acceptance: Acceptance


class _Sent(msgspec.Struct):
    """The body of an event."""

    trigger_ref: str = ""
    trigger_type: str = ""
    payload: Any = None
    key: str | None = None
    rule_ref: str | None = None


_read_sent: Final = msgspec.json.Decoder(_Sent).decode


class SensorApi:
    """Opens a port for each sensor that uses the API. All methods are for the loop's thread.

    Args:
        most: How many events of a sensor are accepted in a second.
        access: The keys of packs, or None.
    """

    def __init__(self, most: float, access: PackAccess | None) -> None:
        self._most = most
        self._keys = None if access is None else access.keys

    @asynccontextmanager
    async def access(self, user: ApiUser) -> AsyncIterator[dict[str, str]]:
        """Yield the environment variables with which a sensor's process reaches the API, or none."""
        if not user.program.uses_api:
            yield {}
            return
        port = _Port(user, Pace(self._most), self._keys)
        url = await port.open()
        try:
            yield {"ATTUNE_API_URL": url, "ATTUNE_API_TOKEN": port.token}
        finally:
            port.close()


class _Port:
    """The port of one sensor's process.

    Args:
        user: The sensor.
        pace: The pace of its events.
        keys: The keys of packs, or None.

    Attributes:
        token: The token of its requests.
    """

    def __init__(self, user: ApiUser, pace: Pace, keys: "PackKeys | None") -> None:
        self._user = user
        self._pace = pace
        self._keys = keys
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._server: web.Server | None = None
        self._listener: asyncio.Server | None = None

    async def open(self) -> str:
        """Listen, and return the URL."""
        from aiohttp import web  # noqa: PLC0415 - slow, and few sensors need it

        server = self._server = web.Server(self._answer, access_log=None)

        def connection() -> asyncio.BaseProtocol:
            return server() if len(server.connections) < MAX_API_CONNECTIONS else _Refusing()

        self._listener = await asyncio.get_running_loop().create_server(connection, _HOST, 0)
        return f"http://{_HOST}:{self._listener.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Close the port and its connections."""
        if self._listener is not None and self._server is not None:
            self._listener.close()
            self._server.pre_shutdown()
            for connection in list(self._server.connections):
                connection.force_close()

    async def _answer(self, request: "web.BaseRequest") -> "web.Response":
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(token.strip().encode(), self.token.encode()):
            return _response(401, {"error": "the token is not valid; it ends with the sensor that has it"})
        if request.path == EVENTS:
            return await self._accept(request)
        if request.path.startswith(KEYS):
            return self._key(request)
        return _response(404, {"error": f"Stretto has only POST {EVENTS} and GET {KEYS}REF of this API"})

    async def _accept(self, request: "web.BaseRequest") -> "web.Response":
        if request.method != "POST":
            return _response(405, {"error": f"events can only be sent, got {request.method}"})
        await self._pace.take()
        try:
            sent = _read_sent(await request.read())
            event_type = sent.trigger_ref or sent.trigger_type
            # An event may be for one of the rules that the sensor knows.
            parameters = {} if sent.rule_ref is None else {RULE_REF: sent.rule_ref}
            accepted = await self._user.acceptance.accept(event_type, sent.payload, sent.key, parameters)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _response(400, {"error": f"the body must be an event as JSON: {error}"})
        except (InvalidSensorEvent, Unrecordable) as error:  # it would be refused again
            return _response(422, {"error": str(error)})
        except StrettoError as error:
            return _response(503, {"error": str(error)})
        data = {"id": accepted.event, "trigger_ref": event_type, "payload": sent.payload}
        return _response(200 if accepted.duplicate else 201, {"data": data})

    def _key(self, request: "web.BaseRequest") -> "web.Response":
        name, pack = request.path.removeprefix(KEYS), self._user.program.pack
        if request.method != "GET":
            return _response(405, {"error": f"a sensor can only read keys, got {request.method}"})
        try:
            found = None if self._keys is None else self._keys.find(pack, name)
        except StrettoError as error:
            return _response(500, {"error": str(error)})
        if found is None:
            hint = f"set it with `stretto kv set {name} VALUE --pack {pack}`"
            return _response(404, {"error": f"the pack {pack!r} has no key {name!r}; {hint}"})
        at = datetime.fromtimestamp(found.set_at, UTC).isoformat()
        data = {
            "id": 0, "ref": name, "name": name, "owner_type": "pack", "owner": pack, "owner_pack_ref": pack,
            "encrypted": found.secret, "value": found.value, "created": at, "updated": at,
        }  # fmt: skip
        return _response(200, {"data": data})


class _Refusing(asyncio.Protocol):
    """A connection above the limit."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


def _response(status: int, body: dict[str, Any]) -> "web.Response":
    from aiohttp import web  # noqa: PLC0415 - as above

    return web.Response(status=status, body=encode_json(body), content_type="application/json")
