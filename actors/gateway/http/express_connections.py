"""A connection whose plain requests to webhooks take the express lane, once its client is known."""

from collections.abc import Callable
from typing import Any, Final

import h11
from uvicorn.config import Config

from stretto.actors.gateway.guests import Guest
from stretto.actors.gateway.http.bodies import LATE, REQUEST_SECONDS
from stretto.actors.gateway.http.callers import Peer
from stretto.actors.gateway.http.connections import Connection
from stretto.actors.gateway.http.express import ExpressLane
from stretto.actors.gateway.http.outlets import StreamSockets
from stretto.actors.gateway.http.plain_requests import PREFIX, PlainRequest, read_plain

_IDLE: Final = {h11.CLIENT: h11.IDLE, h11.SERVER: h11.IDLE}
"""The states of a connection of h11 that waits for its next request."""


class ExpressConnection(Connection):
    """A connection with a way around h11. While the lane has a request, h11 waits for the next one."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it works with
        self,
        config: Config,
        streams: StreamSockets,
        peer: Peer,
        place: Guest,
        lost: Callable[[], None],
        lane: ExpressLane,
    ) -> None:
        super().__init__(config, streams, peer, place, lost)
        self._lane = lane
        self._in_lane = False
        """Whether the express lane has a request of this connection."""
        self._ends_after_lane = False
        self._held = b""
        """Bytes of a plain request whose body is not all there, or those behind a request in the express lane."""
        self._incomplete: PlainRequest | None = None
        """The plain request whose body is not all there."""
        self._facts: dict[str, Any] = {}
        """The members of the scopes of all its requests, from the first one on."""

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self._in_lane or bool(self._held) or super().is_busy

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._held, self._incomplete = b"", None
        super().connection_lost(exc)

    def end_after_answer(self) -> None:
        """Close the connection now if it is idle, or after its answer."""
        if self._in_lane:
            self._ends_after_lane = True
        else:
            super().end_after_answer()

    def finish_express(self, answer: bytes) -> None:
        """Send the answer of the express lane, and go on with the next request; see `express.Answered`."""
        self._in_lane = False
        if not self._is_open or self.transport.is_closing():
            return
        self.server_state.total_requests += 1
        if self._ends_after_lane:
            self.transport.write(answer.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
            self.transport.close()
            return
        self.transport.write(answer)
        if self._held:
            held, self._held = self._held, b""
            # In this order: with TLS, bytes that have been decrypted come by a callback of their own.
            self.loop.call_soon(self._go_on, held)
            self.flow.resume_reading()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _take(self, data: bytes) -> None:
        if self._in_lane:  # of the next request: there is at most a read of it
            self._held += data
            self.flow.pause_reading()
        elif self._incomplete is not None:
            self._held += data
            if len(self._held) >= self._incomplete.end:
                self._end_wait()
        elif not (data.startswith(PREFIX) and self._take_express(data)):
            super()._take(data)

    def _take_express(self, data: bytes) -> bool:
        """Let the express lane answer a plain request. Return whether it does, or waits for the rest of the body."""
        if not self._can_enter() or (plain := read_plain(data)) is None:
            return False
        self._unset_keepalive_if_required()
        self._meet_deadline()
        if len(data) < plain.end:
            self._held, self._incomplete = data, plain
            # One deadline for the whole body, however many parts it comes in.
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up_express)
        else:
            self._enter(plain, data)
        return True

    def _can_enter(self) -> bool:
        return not (
            not self._lane.is_open
            or self._place.is_guest
            or self.flow.write_paused
            or super().is_busy
            or self.conn.states != _IDLE
            or self.conn.trailing_data[0]
        )

    def _enter(self, plain: PlainRequest, data: bytes) -> None:
        """Hand a whole request to the lane. `data` begins with it."""
        self._in_lane = True
        self._all.was_used(self)
        self._held = data[plain.end :]
        if self._held:
            self.flow.pause_reading()
        if not self._facts:  # the first request may come with the connection
            self._facts = {"server": self.server, "client": self.client, "scheme": self.scheme}
        self._lane.take(self, plain, data[plain.begin : plain.end], self._facts, self.app_state)

    def _end_wait(self) -> None:
        """Go on with a request whose body is all there now."""
        self._meet_deadline()
        plain, self._incomplete = self._incomplete, None
        data, self._held = self._held, b""
        if plain is not None and self._can_enter():
            self._enter(plain, data)
        else:
            super()._take(data)

    def _go_on(self, held: bytes) -> None:
        """Take what has come behind a request of the express lane."""
        if self._is_open and not self.transport.is_closing():
            self.data_received(held)

    def _give_up_express(self) -> None:
        """Leave a request whose body is late to the usual way, which refuses it."""
        self._deadline = self._incomplete = None
        held, self._held = self._held, b""
        self.app_state[LATE] = True
        super()._take(held)
        self.app_state.pop(LATE, None)
