"""Two daemons of one store in PostgreSQL: a browser goes from one to the other, as a proxy without favourites sends it.

The proxy is left out. The port that browsers call is the public one, so that both daemons use the same cookie.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stretto.actors.access.rereading import FRESH_SECONDS
from stretto.actors.operations import API, CreateEnterCode, CreateToken, EnterCodeCreated, RevokeToken, TokenCreated
from stretto.actors.settings import ServeSettings
from tests.support.browsing import Browser
from tests.support.gateways import Opened, http, opened_gateway
from tests.support.waiting import PATIENCE

SERVE = ServeSettings(public_url="http://localhost:8420")


@pytest.fixture
def both(tmp_path: Path, postgres_url: str) -> Iterator[tuple[Opened, Opened]]:
    """Return two daemons of a store."""
    with contextlib.ExitStack() as stack:
        opened = []
        for name in ("a", "b"):
            folder = tmp_path / name
            folder.mkdir()
            opened.append(
                stack.enter_context(opened_gateway(folder, store=postgres_url, store_lease=30, serve=SERVE))
            )  # fmt: skip
        yield opened[0], opened[1]


def moved(browser: Browser, to: Opened) -> Browser:
    """Return a browser whose requests a proxy sends to another daemon."""
    there = Browser(to.url)
    there.cookie, there.csrf = browser.cookie, browser.csrf
    return there


async def answers_until_refused(browser: Browser) -> list[int]:
    """Return the statuses of requests, one after the other, up to the first refusal."""
    statuses: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while 401 not in statuses:
            statuses.append((await browser.fetch("GET", "/me")).status)
    return statuses


def test_a_session_of_one_daemon_is_one_of_the_other(both: tuple[Opened, Opened]) -> None:
    """At once, with its token for forms. So is a token, and the code of an enter link, which is good once."""
    first, second = both
    made = first.client.ask(CreateToken("mira", "operator"))
    assert isinstance(made, TokenCreated)

    async def test() -> None:
        direct = await Browser(second.url).send("GET", f"{API}/me", authorization=f"Bearer {made.text}")
        assert (direct.status, direct.json["who"]) == (200, "mira")
        browser = Browser(first.url)
        assert (await browser.log_in(token=made.text)).status == 200
        there = moved(browser, second)
        assert (await there.fetch("GET", "/me")).json["via"] == "page"
        assert (await there.open("/")).status == 200
        assert (await there.fetch("POST", "/enter-codes", {})).status == 201

    asyncio.run(test())
    link = first.client.ask(CreateEnterCode(None))
    assert isinstance(link, EnterCodeCreated)
    code = link.url.partition("#")[2]

    async def enter() -> list[int]:
        browsers = [Browser(each.url) for each in (first, second, first, second)]
        replies = await asyncio.gather(*(browser.log_in(code=code) for browser in browsers))
        return sorted(reply.status for reply in replies)

    assert asyncio.run(enter()) == [200, 401, 401, 401]


def test_a_session_that_ends_at_one_daemon_is_over_at_the_other(both: tuple[Opened, Opened]) -> None:
    """By a log-out, or because its token is revoked: within a second there, and at once where nobody has asked for it.

    The browser that is refused has asked for nothing else than who it is.
    """
    first, second = both
    made = first.client.ask(CreateToken("mira", "operator"))
    assert isinstance(made, TokenCreated)

    async def test() -> None:
        browser = Browser(first.url)
        assert (await browser.log_in(token=made.text)).status == 200
        used, unused = moved(browser, second), moved(browser, first)
        assert (await used.fetch("GET", "/me")).status == 200
        assert (await used.fetch("DELETE", "/session")).status == 200
        assert (await used.fetch("GET", "/me")).status == 401
        assert (await answers_until_refused(unused))[-1] == 401

        assert (await browser.log_in(token=made.text)).status == 200
        there = moved(browser, second)
        assert (await there.fetch("GET", "/me")).status == 200
        await asyncio.to_thread(first.client.ask, RevokeToken("mira"))
        assert (await browser.fetch("GET", "/me")).status == 401
        assert (await answers_until_refused(there))[-1] == 401
        direct = await Browser(second.url).send("GET", f"{API}/me", authorization=f"Bearer {made.text}")
        assert direct.status == 401

    asyncio.run(test())
    assert FRESH_SECONDS <= 1.0


def test_a_stream_ends_with_a_session_that_ends_at_the_other_daemon(both: tuple[Opened, Opened]) -> None:
    """No request has to come for that."""
    first, second = both
    made = first.client.ask(CreateToken("mira", "operator"))
    assert isinstance(made, TokenCreated)

    async def test() -> None:
        browser = Browser(first.url)
        assert (await browser.log_in(token=made.text)).status == 200
        there = moved(browser, second)
        place = urlsplit(second.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(http("GET", f"{API}/stream", host=place.netloc, cookie=str(there.cookie)))
        await reader.readuntil(b"event: hello")
        assert (await browser.fetch("DELETE", "/session")).status == 200
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b"the token or session is not valid any more")
        writer.close()

    asyncio.run(test())
