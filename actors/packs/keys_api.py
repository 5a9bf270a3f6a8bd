"""The part of Attune's API that actions reach: GET /api/v1/keys/REF, for the keys of the action's own pack.

Actions of runs in which a task waits for an inquiry also reach POST /api/v1/inquiries, and what they have made there.

It listens on the loopback address while an action that can use it runs. An action has a token of its own, which ends
with it.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from stretto.actors.actions import ActionInquiries, AskingItem, GrantedKey, PackKeys, asking_item, pack_access
from stretto.actors.packs.inquiry_api import INQUIRIES_PATH, answer_request, too_large
from stretto.definitions.data import encode_json
from stretto.definitions.errors import StrettoError

if TYPE_CHECKING:
    from aiohttp import web

PATH: Final = "/api/v1/keys/"
MAX_CONNECTIONS: Final = 64
"""Connections of all actions at a time. Others are closed at once."""
_HOST: Final = "127.0.0.1"
_TOKEN_BYTES: Final = 32


@asynccontextmanager
async def keys_access(pack: str) -> AsyncIterator[dict[str, str]]:
    """Yield the environment variables with which a process reads the keys of its pack, and makes inquiries.

    A pack without keys has none, unless a task of the run waits for an inquiry.
    """
    access, item = pack_access(), asking_item.get()
    if access is None or not (access.keys.has_any(pack) or (item is not None and access.inquiries is not None)):
        yield {}
        return
    api = _apis.setdefault(asyncio.get_running_loop(), KeysApi())
    token = await api.grant(Grant(pack, access.keys, item, access.inquiries))
    try:
        yield {"ATTUNE_API_URL": api.url, "ATTUNE_API_TOKEN": token}
    finally:
        api.revoke(token)


class Grant(NamedTuple):
    """The reach of an action's process.

    Attributes:
        pack: The pack whose keys it reads.
        keys: The keys of all packs.
        item: The item that makes inquiries, or None.
        inquiries: Makes them, or None.
    """

    pack: str
    keys: PackKeys
    item: AskingItem | None = None
    inquiries: ActionInquiries | None = None


class KeysApi:
    """A listener for the actions of one event loop. All methods are for the loop's thread.

    Attributes:
        url: Its URL, or "" while no action needs it.
    """

    def __init__(self) -> None:
        self.url = ""
        self._grants: dict[str, Grant] = {}
        self._opening = asyncio.Lock()
        self._server: web.Server | None = None
        self._listener: asyncio.Server | None = None

    async def grant(self, granted: Grant) -> str:
        """Return a token with which a process reaches what is granted, until it is revoked."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._grants[token] = granted
        try:
            async with self._opening:
                if self._listener is None:
                    await self._open()
        except BaseException:
            self.revoke(token)
            raise
        return token

    def revoke(self, token: str) -> None:
        """Make a token useless. With the last one the listener ends."""
        del self._grants[token]
        if self._grants or self._listener is None or self._server is None:
            return
        self._listener.close()
        self._server.pre_shutdown()
        self._listener = self._server = None
        self.url = ""

    async def _open(self) -> None:
        from aiohttp import web  # noqa: PLC0415 - slow, and few packs need it

        server = self._server = web.Server(self._answer, access_log=None)
        loop = asyncio.get_running_loop()

        def connection() -> asyncio.BaseProtocol:
            return server() if len(server.connections) < MAX_CONNECTIONS else _Refusing()

        self._listener = await loop.create_server(connection, _HOST, 0)
        self.url = f"http://{_HOST}:{self._listener.sockets[0].getsockname()[1]}"

    async def _answer(self, request: "web.BaseRequest") -> "web.Response":
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        granted = self._grants.get(token.strip()) if scheme.lower() == "bearer" else None
        if granted is None:
            return _response(401, {"error": "the token is not valid; it ends with the action that has it"})
        if INQUIRIES_PATH.match(request.path):
            return await _answer_about_inquiries(request, granted)
        name = request.path.removeprefix(PATH)
        if not request.path.startswith(PATH) or "/" in name or not name:
            return _response(404, {"error": f"Stretto has only GET {PATH}REF of this API"})
        if request.method != "GET":
            return _response(405, {"error": f"an action can only read keys, got {request.method}"})
        pack = granted.pack
        try:
            found = granted.keys.find(pack, name)
        except StrettoError as error:
            return _response(500, {"error": str(error)})
        if found is None:
            hint = f"set it with `stretto kv set {name} VALUE --pack {pack}`"
            return _response(404, {"error": f"the pack {pack!r} has no key {name!r}; {hint}"})
        return _response(200, {"data": _described(pack, name, found)})


_apis: WeakKeyDictionary[asyncio.AbstractEventLoop, KeysApi] = WeakKeyDictionary()


class _Refusing(asyncio.Protocol):
    """A connection above the limit."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


async def _answer_about_inquiries(request: "web.BaseRequest", granted: Grant) -> "web.Response":
    """Answer a request about inquiries. The token ends with the action, and so does what it can ask."""
    if granted.item is None or granted.inquiries is None:
        hint = "let a task wait for it (wait_for: {inquiry: ...}), or let the workflow ask with core.ask"
        return _response(404, {"error": f"no task of this run waits for an inquiry, so an action makes none; {hint}"})
    size, most = request.content_length or 0, granted.inquiries.max_bytes
    if size > most:
        return _response(413, {"error": too_large(size, most)})
    body = await request.read()
    return _response(*await answer_request(granted.inquiries, granted.item, request.method, request.path, body))


def _described(pack: str, name: str, key: GrantedKey) -> dict[str, Any]:
    """Return a key as Attune's API does. Stretto gives keys no numbers, and does not keep when they were made."""
    at = datetime.fromtimestamp(key.set_at, UTC).isoformat()
    return {
        "id": 0, "ref": name, "local_ref": name, "name": name,
        "owner_type": "pack", "owner": pack, "owner_pack_ref": pack,
        "encrypted": key.secret, "value": key.value, "created": at, "updated": at,
    }  # fmt: skip


def _response(status: int, body: dict[str, Any]) -> "web.Response":
    from aiohttp import web  # noqa: PLC0415 - as above

    return web.Response(status=status, body=encode_json(body), content_type="application/json")
