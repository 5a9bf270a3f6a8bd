"""The requests of one client that are answered at a time are bounded."""

import asyncio
from typing import Any

import msgspec
import pytest

from stretto.actors.access import Caller
from stretto.actors.gateway.http.in_flight import CountedAnswer, RequestsInFlight
from stretto.actors.gateway.http.problems import STATUSES, Problem

CI = Caller(who="ci", via="api", source="10.0.0.1", role="operator", origin="remote", token="AAAAAAAA")


def test_a_client_has_its_share_and_no_other_clients() -> None:
    """Its next request is refused, with the setting, until one of them is answered."""
    in_flight = RequestsInFlight(2)
    leave, _ = in_flight.enter(CI), in_flight.enter(CI)
    with pytest.raises(Problem, match=r"2 requests of this client .* \(serve.max_requests_of_a_client\)") as refused:
        in_flight.enter(CI)
    assert (STATUSES[refused.value.code], refused.value.headers) == (429, {"retry-after": "1"})
    in_flight.enter(msgspec.structs.replace(CI, token="BBBBBBBB"))
    in_flight.enter(msgspec.structs.replace(CI, session="c" * 64))
    leave()
    in_flight.enter(CI)
    assert len(in_flight) == 4


def test_the_daemons_own_user_is_not_bounded() -> None:
    """Nothing is counted for it."""
    in_flight = RequestsInFlight(1)
    owner = msgspec.structs.replace(CI, origin="owner", token=None)
    for _ in range(3):
        in_flight.enter(owner)()
        in_flight.enter(owner)
    assert len(in_flight) == 0


def test_a_request_is_in_flight_until_it_is_answered_or_fails() -> None:
    """Nothing is left of a client without requests."""
    in_flight = RequestsInFlight(1)

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        assert len(in_flight) == 1
        await send({})

    async def gone(_message: Any) -> None:
        raise ConnectionError

    async def sent(_message: Any) -> None:
        """Take a part of the answer."""

    async def test() -> None:
        await CountedAnswer(answer, in_flight.enter(CI))({}, sent, sent)  # type: ignore[arg-type]  # it reads nothing
        with pytest.raises(ConnectionError):
            await CountedAnswer(answer, in_flight.enter(CI))({}, sent, gone)  # type: ignore[arg-type]  # as above

    asyncio.run(test())
    assert len(in_flight) == 0
