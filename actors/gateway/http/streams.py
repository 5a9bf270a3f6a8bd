"""A run as server-sent events: its state whenever it has changed, then its end."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from starlette.responses import Response

from stretto.actors.gateway.http.application import Receive, Scope, Send
from stretto.actors.operations import EVENTS, Ended, Progress, Refused
from stretto.definitions.data import encode_json


def event(name: str, data: Any) -> bytes:
    """Return an event as the stream has it."""
    return b"event: " + name.encode() + b"\ndata: " + encode_json(data) + b"\n\n"


def event_of(news: Progress | Ended | Refused) -> bytes:
    """Return the event of a run's news."""
    if isinstance(news, Progress):
        return event("changes", {"run": news.run, "status": news.status, "tasks": news.tasks})
    if isinstance(news, Refused):
        return event("bye", {"code": news.code, "detail": news.message})
    return event(
        "ended",
        {"run": news.run, "status": news.status, "output": news.output, "errors": news.errors, "tasks": news.tasks},
    )


class RunStream(Response):
    """The news of a run until its end, or until the client leaves."""

    def __init__(self, news: AsyncGenerator[Progress | Ended | Refused]) -> None:
        super().__init__(media_type=EVENTS)
        self._news = news

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the news. An error of the first one passes through, so that the answer can be a refusal."""
        async with contextlib.aclosing(self._news):
            sending = asyncio.ensure_future(self._send(send))
            left = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait({sending, left}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    await sending
            finally:
                left.cancel()
                sending.cancel()
                await asyncio.gather(left, sending, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        news = await anext(self._news)
        headers = [(b"content-type", EVENTS.encode()), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": event_of(news), "more_body": True})
        async for news in self._news:
            await send({"type": "http.response.body", "body": event_of(news), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
