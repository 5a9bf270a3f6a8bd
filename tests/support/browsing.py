"""A browser without a window of its own: what Chromium sends for a page, as bytes, and what it keeps."""

import asyncio
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from stretto.actors.operations import API
from tests.support.gateways import Reply, http, read_reply


class Browser:
    """Sends requests to a port with the cookie that it was given, as a page of the port's own origin does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookie: str | None = None
        self.csrf = ""

    async def send(self, method: str, target: str, body: bytes = b"", /, **headers: str) -> Reply:
        """Send a request with these headers only, and with the cookie."""
        place = urlsplit(self.url)
        if self.cookie is not None:
            headers["cookie"] = self.cookie
        headers.setdefault("host", place.netloc)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(http(method, target, body, **headers))
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            stream = b"text/event-stream" in head
            reply = read_reply(head if stream else head + await reader.read())
        finally:
            writer.close()
        return reply

    async def fetch(self, method: str, path: str, value: Any = None, **headers: str) -> Reply:
        """Ask the API, as a script of a page does."""
        body = b"" if value is None else msgspec.json.encode(value)
        usual = {"sec_fetch_site": "same-origin", "x_csrf_token": self.csrf}
        headers = {**usual, **headers}
        return await self.send(method, API + path, body, **headers)

    async def open(self, path: str, **headers: str) -> Reply:
        """Open a page."""
        return await self.send("GET", path, accept="text/html", sec_fetch_site="none", **headers)

    async def submit(self, path: str, **fields: str) -> Reply:
        """Send a form of a page."""
        headers = {"content_type": "application/x-www-form-urlencoded", "sec_fetch_site": "same-origin"}
        return await self.send("POST", path, urlencode(fields).encode(), accept="text/html", **headers)

    async def log_in(self, **secret: str) -> Reply:
        """Log in with a `code` or a `token`, and keep the cookie."""
        reply = await self.fetch("POST", "/session", secret)
        if reply.status == 200:
            self.keep(reply)
            self.csrf = reply.json["csrf"]
        return reply

    def keep(self, reply: Reply) -> None:
        """Keep the cookie of an answer."""
        # `read_reply` has headers in lower case, and the secret has both.
        head = reply.raw.partition(b"\r\n\r\n")[0].decode()
        self.cookie = head.partition("set-cookie: ")[2].partition(";")[0]
