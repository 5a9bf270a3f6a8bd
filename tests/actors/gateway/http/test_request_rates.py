"""A client that sends too much is told when to come back; the others, and the daemon's user, go on."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from stretto.actors.access import Caller
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import request_rates
from stretto.actors.gateway.http.problems import STATUSES, Problem
from stretto.actors.gateway.http.request_rates import RequestRates
from stretto.actors.operations import API, Tokens
from stretto.actors.settings import ServeSettings
from tests.actors.gateway.http.test_sessions import with_tokens
from tests.support.browsing import Browser

CI = Caller(who="ci", via="api", source="10.0.0.1", role="operator", origin="remote", token="AAAAAAAA")


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def headers_of(rates: RequestRates, caller: Caller = CI) -> list[str]:
    return [value.decode() for _, value in rates.spend(caller)]


def refused(rates: RequestRates, caller: Caller = CI) -> Problem:
    with pytest.raises(Problem) as problem:
        rates.spend(caller)
    return problem.value


def test_a_budget_is_spent_and_grows_back() -> None:
    """Each answer says what is left, a refusal when there is more, and with which setting."""
    clock = Clock()
    rates = RequestRates(2, clock)
    assert headers_of(rates) == ['"requests";q=2;w=1', '"requests";r=1;t=0']
    assert headers_of(rates)[1] == '"requests";r=0;t=1'
    problem = refused(rates)
    assert STATUSES[problem.code] == 429
    assert "2 requests a second (serve.max_requests_per_second): send it again in 1 s" in problem.detail
    assert problem.headers == {
        "retry-after": "1", "ratelimit-policy": '"requests";q=2;w=1', "ratelimit": '"requests";r=0;t=1',
    }  # fmt: skip
    clock.seconds = 0.49
    refused(rates)
    clock.seconds = 0.5
    assert headers_of(rates)[1] == '"requests";r=0;t=1'
    clock.seconds = 1000.0
    assert headers_of(rates)[1] == '"requests";r=1;t=0', "no more than a second's is saved up"


def test_a_bound_below_one_is_a_request_in_so_many_seconds() -> None:
    """The budget is never below one request."""
    clock = Clock()
    rates = RequestRates(0.1, clock)
    assert headers_of(rates) == ['"requests";q=1;w=10', '"requests";r=0;t=10']
    assert refused(rates).headers["retry-after"] == "10"
    clock.seconds = 10.0
    rates.spend(CI)


def test_a_token_has_one_budget_with_its_sessions_and_the_owner_has_none() -> None:
    """Other tokens, and users of the socket, have their own."""
    rates = RequestRates(1, Clock())
    rates.spend(CI)
    refused(rates, msgspec.structs.replace(CI, session="a" * 64, via="page"))
    rates.spend(msgspec.structs.replace(CI, token="BBBBBBBB"))
    rates.spend(msgspec.structs.replace(CI, token=None, who="ada"))
    owner = msgspec.structs.replace(CI, token=None, origin="owner")
    assert [rates.spend(owner) for _ in range(3)] == [()] * 3
    assert [RequestRates(None).spend(CI) for _ in range(3)] == [()] * 3


def test_only_so_many_clients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was silent for the longest time is forgotten."""
    monkeypatch.setattr(request_rates, "MAX_CLIENTS", 2)
    rates = RequestRates(1, Clock())
    for name in ("A", "B", "C"):
        rates.spend(msgspec.structs.replace(CI, token=name))
    refused(rates, msgspec.structs.replace(CI, token="C"))
    rates.spend(msgspec.structs.replace(CI, token="A"))


def test_the_port_refuses_a_token_that_sends_too_much(tmp_path: Path) -> None:
    """The socket's owner goes on. Without the setting nothing is said of rates."""

    async def bounded(client: Client, url: str, token: str) -> None:
        async def ask() -> tuple[int, dict[str, str]]:
            reply = await Browser(url).send("GET", f"{API}/me", authorization=f"Bearer {token}")
            return reply.status, reply.headers

        status, headers = await ask()
        assert (status, headers["ratelimit-policy"]) == (200, '"requests";q=1;w=100')
        status, headers = await ask()
        assert (status, headers["retry-after"]) == (429, headers["ratelimit"].rpartition("=")[2])
        for _ in range(3):
            await asyncio.to_thread(client.ask, Tokens())

    with_tokens(tmp_path, bounded, serve=ServeSettings(max_requests_per_second=0.01))

    async def unbounded(_client: Client, url: str, token: str) -> None:
        for _ in range(3):
            reply = await Browser(url).send("GET", f"{API}/me", authorization=f"Bearer {token}")
            assert (reply.status, "ratelimit" in reply.headers) == (200, False)

    (tmp_path / "tokens").unlink()
    with_tokens(tmp_path, unbounded)
