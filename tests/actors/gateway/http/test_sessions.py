"""Browsers log in and out, and are known by their cookie."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stretto.actors.access import access_of_file
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.failed_logins import MAX_FAILED_LOGINS
from stretto.actors.operations import API, CreateEnterCode, CreateToken, Definition, Submit
from stretto.actors.settings import ServeSettings
from tests.actors.gateway.http.test_callers import made
from tests.support.browsing import Browser
from tests.support.gateways import DEFAULTS, with_port

SAYS = Definition("says.yaml", 'ref: test.says\nversion: "1.0.0"\ntasks: [{name: say, action: core.noop}]\n')


def with_tokens(folder: Path, test: Any, *, serve: ServeSettings = DEFAULTS, **limits: Any) -> None:
    """Run a test with a client of the socket, the port's URL and an operator's token."""
    tokens_file = folder / "tokens"
    access = access_of_file(tokens_file)
    token = made(access, "operator", "mira", **limits)
    access.close()

    async def run(client: Client, url: str) -> None:
        await test(client, url, token)

    with_port(folder, run, tokens_file=tokens_file, serve=serve)


def test_a_browser_logs_in_with_a_token_and_out(tmp_path: Path) -> None:
    """Its cookie is for this daemon alone, and no script reads it. The answer says who it is."""

    async def test(_client: Client, url: str, token: str) -> None:
        browser = Browser(url)
        entered = await browser.log_in(token=token)
        assert entered.status == 200
        said = entered.json
        assert len(said.pop("csrf")) == 64
        assert said.pop("expires_at") > "2026"
        assert said == {"who": "mira", "role": "operator", "workflows": None, "via": "page", "origin": "remote"}
        port = url.rpartition(":")[2]
        cookie = entered.headers["set-cookie"]
        assert cookie.startswith(f"stretto-{port}=")
        assert {each.strip() for each in cookie.split(";")[1:]} == {
            "httponly", "max-age=604800", "path=/", "samesite=strict",
        }  # fmt: skip
        assert (await browser.fetch("GET", "/me")).json == entered.json
        left = await browser.fetch("DELETE", "/session")
        assert (left.status, left.json) == (200, {})
        assert "max-age=0" in left.headers["set-cookie"]
        assert (await browser.fetch("GET", "/me")).status == 401

    with_tokens(tmp_path, test)


def test_a_code_begins_one_session_with_the_rights_of_its_maker(tmp_path: Path) -> None:
    """The link has the code behind its #, and leads to the page of a run. A second use is refused."""

    async def test(client: Client, url: str, token: str) -> None:
        accepted: Any = await asyncio.to_thread(client.ask, Submit(SAYS))
        run = accepted.run
        made_code: Any = await asyncio.to_thread(client.ask, CreateEnterCode(run))
        link, _, code = made_code.url.partition("#")
        assert link == f"{url}/enter?next=%2Fruns%2F{run}"
        browser = Browser(url)
        entered = await browser.log_in(code=code)
        assert (entered.status, entered.json["role"], entered.json["origin"]) == (200, "admin", "owner")
        again = await Browser(url).log_in(code=code)
        assert (again.status, again.json["code"]) == (401, "unauthenticated")
        # A session makes codes as well, for the address that it uses.
        for_another = await browser.fetch("POST", "/enter-codes", {}, host=f"localhost:{url.rpartition(':')[2]}")
        assert for_another.status == 201
        assert for_another.json["url"].startswith(f"http://localhost:{url.rpartition(':')[2]}/enter#")
        assert set(for_another.json) == {"url", "expires_at"}

    with_tokens(tmp_path, test)


def test_no_code_leads_to_the_page_of_a_run_that_there_is_not(tmp_path: Path) -> None:
    """A part of an id is one of a run, except for who may see only some: it learns of no others."""

    async def test(client: Client, url: str) -> None:
        accepted: Any = await asyncio.to_thread(client.ask, Submit(SAYS))
        run = accepted.run
        some = await asyncio.to_thread(client.ask, CreateToken("some", "viewer", workflows=["test.other"]))
        own = await asyncio.to_thread(client.ask, CreateToken("own", "viewer", workflows=["test.says"]))
        every = await asyncio.to_thread(client.ask, CreateToken("every", "viewer"))

        async def code_for(token: Any, shown: str) -> Any:
            body = msgspec.json.encode({"run": shown})
            return await Browser(url).send(
                "POST", f"{API}/enter-codes", body, content_type="application/json",
                authorization=f"Bearer {token.text}",
            )  # fmt: skip

        for token, shown in ((every, "r1/&"), (every, run.replace("0", "1")), (some, run), (own, run[-8:])):
            refused = await code_for(token, shown)
            assert (refused.status, refused.json["code"]) == (404, "unknown_run")
            assert shown in refused.json["detail"]
        for token, shown in ((every, run), (every, run[-8:]), (own, run)):
            made_code = await code_for(token, shown)
            assert f"/enter?next=%2Fruns%2F{run}#" in made_code.json["url"]

    with_port(tmp_path, test, store=f"sqlite:///{tmp_path}/runs.db")


def test_who_asks_with_a_token_learns_who_it_is(tmp_path: Path) -> None:
    """On the socket, too. There is no token for forms without a session."""

    async def test(client: Client, url: str, token: str) -> None:
        reply = await Browser(url).send("GET", f"{API}/me", authorization=f"Bearer {token}")
        assert reply.json == {
            "who": "mira", "role": "operator", "workflows": ["ops.a"], "via": "api", "origin": "remote",
            "expires_at": reply.json["expires_at"],
        }  # fmt: skip
        local = await Browser(url).send("DELETE", f"{API}/session", authorization=f"Bearer {token}")
        assert (local.status, "set-cookie" in local.headers) == (200, False)

    with_tokens(tmp_path, test, lasts=60.0, workflows=("ops.a",))


@pytest.mark.parametrize(
    "secret", [{}, {"code": "a", "token": "b"}, {"token": ""}, {"name": "x"}, {"code": "x" * 5000}]
)
def test_a_log_in_has_one_secret_of_a_sensible_size(tmp_path: Path, secret: dict[str, str]) -> None:
    """The refusal does not repeat it."""

    async def test(_client: Client, url: str, _token: str) -> None:
        refused = await Browser(url).log_in(**secret)
        assert refused.status in {400, 413}
        assert b"xxx" not in refused.body

    with_tokens(tmp_path, test)


def test_an_address_that_guesses_is_made_to_wait(tmp_path: Path) -> None:
    """Also with the right token. Tokens in headers are not logins."""

    async def test(_client: Client, url: str, token: str) -> None:
        for number in range(MAX_FAILED_LOGINS):
            secret = {"token": f"str_{number}"} if number % 2 else {"code": str(number)}
            assert (await Browser(url).log_in(**secret)).status == 401
        refused = await Browser(url).log_in(token=token)
        assert (refused.status, refused.json["code"]) == (429, "too_many_logins")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        page = await Browser(url).submit("/enter", token=token)
        assert (page.status, b"MAX_FAILED_LOGINS" in page.body) == (429, True)
        assert (await Browser(url).send("GET", f"{API}/me", authorization=f"Bearer {token}")).status == 200

    with_tokens(tmp_path, test)


def test_a_session_needs_its_token_and_its_own_page_to_change_anything(tmp_path: Path) -> None:
    """To look, neither. A bearer token needs neither at all."""

    async def test(_client: Client, url: str, token: str) -> None:
        browser = Browser(url)
        await browser.log_in(token=token)
        wrong = b'{"workflow": 5}'  # what is let through is a bad request
        csrf = browser.csrf
        for status, code, headers in (
            (400, "bad_request", {}),
            (400, "bad_request", {"sec_fetch_site": "", "origin": url}),
            (403, "invalid_csrf_token", {"x_csrf_token": "0" * 64}),
            (403, "invalid_csrf_token", {"x_csrf_token": ""}),
            (403, "cross_site_request", {"sec_fetch_site": "same-site"}),
            (403, "cross_site_request", {"sec_fetch_site": "cross-site", "origin": url}),
            (403, "foreign_origin", {"origin": "http://evil.example"}),
            (421, "misdirected_request", {"host": "evil.example"}),
        ):
            given = {"sec_fetch_site": "same-origin", "x_csrf_token": csrf, **headers}
            sent = {name: value for name, value in given.items() if value}
            reply = await browser.send("POST", f"{API}/runs", wrong, **sent)
            assert (reply.status, reply.json["code"]) == (status, code), headers
        assert (await browser.send("GET", f"{API}/me")).status == 200
        assert (await browser.send("GET", f"{API}/me", origin="http://evil.example")).status == 403
        assert (await Browser(url).send(
            "POST", f"{API}/runs", wrong, authorization=f"Bearer {token}", sec_fetch_site="cross-site"
        )).status == 400  # fmt: skip

    with_tokens(tmp_path, test)


def test_the_streams_of_a_session_end_with_it(tmp_path: Path) -> None:
    """All of them, also if one of its tabs was closed before."""

    async def test(_client: Client, url: str, token: str) -> None:
        browser = Browser(url)
        await browser.log_in(token=token)
        assert (await browser.fetch("GET", "/stream")).status == 200  # and closed
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"GET {API}/stream HTTP/1.1\r\nhost: {host}:{port}\r\ncookie: {browser.cookie}\r\n\r\n"
        writer.write(head.encode())
        await reader.readuntil(b"event: hello")
        await browser.fetch("DELETE", "/session")
        assert b"the token or session is not valid any more" in await reader.read()
        writer.close()

    with_tokens(tmp_path, test)


def test_a_token_can_be_made_in_a_session(tmp_path: Path) -> None:
    """By an administrator."""

    async def test(client: Client, url: str, _token: str) -> None:
        admin: Any = await asyncio.to_thread(client.ask, CreateToken("boss", "admin"))
        browser = Browser(url)
        await browser.log_in(token=admin.text)
        created = await browser.fetch("POST", "/tokens", {"name": "new", "role": "viewer"})
        assert (created.status, created.json["token"]["made_by"]) == (201, "boss")

    with_tokens(tmp_path, test)


def test_behind_a_public_url_cookies_need_tls_and_links_begin_with_it(tmp_path: Path) -> None:
    """Its origin is the daemon's own, too."""

    async def test(client: Client, url: str, token: str) -> None:
        made_code: Any = await asyncio.to_thread(client.ask, CreateEnterCode())
        assert made_code.url.startswith("https://stretto.example/enter#")
        body = msgspec.json.encode({"token": token})
        entered = await Browser(url).send(
            "POST", f"{API}/session", body, host="stretto.example", origin="https://stretto.example"
        )
        assert entered.status == 200
        assert "; secure" in entered.headers["set-cookie"]
        assert entered.headers["set-cookie"].startswith("stretto-443="), "of all daemons behind the same URL"

    with_tokens(tmp_path, test, serve=ServeSettings(public_url="https://stretto.example"))
