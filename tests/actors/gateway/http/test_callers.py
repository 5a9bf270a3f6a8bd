"""Requests on the port are of those whose token they have, and may do what the token's role allows."""

import asyncio
from pathlib import Path
from typing import Any

from stretto.actors.access import ROLES, Access, Role, access_of_file, local_caller
from stretto.actors.access.roles import includes
from stretto.actors.operations import API, ROUTES, CreateToken, Inquiries, Route, Submit
from tests.support.browsing import Browser
from tests.support.gateways import Reply, http, post, read_reply, with_port

ADMIN = local_caller(0)
ANSWERED_TO_ALL = {"/session": 400, "/hooks/{name}": 404}
"""What requests without a token get: no secret is sent, and no such webhook is there. A webhook uses no session."""
ECHO = 'version: "1.0.0"\nref: test.echo\ntasks: [{name: echo, action: core.noop}]\n'


def made(access: Access, role: Role, name: str = "", **limits: Any) -> str:
    """Make a token; return its text."""
    return access.create_token(name or role, role, by=ADMIN, **limits).result().text


async def ask(url: str, request: bytes, *, to_the_end: bool = True) -> Reply:
    """Send a request to the port. A stream has no end."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    try:
        return read_reply(await (reader.read() if to_the_end else reader.readuntil(b"\r\n\r\n")))
    finally:
        writer.close()


def sample(route: Route, token: str | None = None, **headers: str) -> bytes:
    """Return a request of a route."""
    target = API + route.path.replace("{index}", "0").replace("{run}", "nobody").replace("{task}", "none")
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    body = b"{}" if route.method in {"POST", "PATCH"} else b""
    return http(route.method, target, body, **headers)


def test_every_route_asks_for_its_role(tmp_path: Path) -> None:
    """Nobody, another secret, and each role: 401, 403, or whatever the request itself deserves."""
    tokens_file = tmp_path / "tokens"
    access = access_of_file(tokens_file)
    tokens: dict[str, str] = {role: made(access, role) for role in ROLES}
    revoked = made(access, "admin", "gone")
    access.revoke_token("gone", by=ADMIN).result()
    expired = made(access, "admin", "old", lasts=1e-9)
    wrong = tokens["admin"][:-1] + ("x" if tokens["admin"][-1] != "x" else "y")
    access.close()

    async def test(_client: Any, url: str) -> None:
        for route in ROUTES:
            if route.role is None:
                continue
            for token in (None, wrong, revoked, expired, "str_", "x"):
                reply = await ask(url, sample(route, token))
                assert (reply.status, reply.json["code"]) == (401, "unauthenticated"), (route, token)
                assert reply.headers["www-authenticate"] == "bearer"
            for role in ROLES:
                status = (await ask(url, sample(route, tokens[role]), to_the_end="/stream" not in route.path)).status
                assert (status == 403) == (not includes(role, route.role)), (route, role)
                assert status not in {401, 405, 500}, (route, role)

    with_port(tmp_path, test, tokens_file=tokens_file)


def test_every_route_asks_a_session_for_more(tmp_path: Path) -> None:
    """Without its token or from another page it may look and change nothing. Other names and origins are refused."""
    tokens_file = tmp_path / "tokens"
    access = access_of_file(tokens_file)
    admin = made(access, "admin")
    access.close()

    async def test(_client: Any, url: str) -> None:
        for route in ROUTES:
            browser = Browser(url)
            await browser.log_in(token=admin)
            cookie = {"cookie": browser.cookie or "", "host": url.removeprefix("http://")}
            own = {"sec_fetch_site": "same-origin", "x_csrf_token": browser.csrf}
            changes = route.method != "GET" and route.role is not None
            login = ANSWERED_TO_ALL[route.path] if route.role is None else 0
            for refused, sent in (
                (403 if changes else login, {"sec_fetch_site": "same-origin"}),
                (403 if changes else login, {"x_csrf_token": browser.csrf}),
                (403 if changes or login == 400 else login, {**own, "sec_fetch_site": "cross-site"}),
                (403, {**own, "origin": "http://evil.example"}),
                (403, {**own, "origin": "null"}),
                (421, {**own, "host": "evil.example"}),
                (login, own),
            ):
                reply = await ask(url, sample(route, **{**cookie, **sent}), to_the_end="/stream" not in route.path)
                if refused:
                    assert reply.status == refused, (route, sent)
                else:
                    assert reply.status not in {401, 403, 405, 421, 500}, (route, sent, reply)

    with_port(tmp_path, test, tokens_file=tokens_file)


def test_a_definition_of_its_own_needs_an_admin(tmp_path: Path) -> None:
    """The run of a token's request is remote, and says who started it."""
    tokens_file = tmp_path / "tokens"
    access = access_of_file(tokens_file)
    operator, admin = made(access, "operator"), made(access, "admin", "boss")
    access.close()
    body = {"workflow": {"file": "echo.yaml", "text": ECHO}}

    async def test(_client: Any, url: str) -> None:
        assert (await ask(url, with_token(post(f"{API}/runs", body), operator))).status == 403
        accepted = await ask(url, with_token(post(f"{API}/runs", body), admin))
        assert accepted.status == 202
        audit = (await ask(url, with_token(http("GET", f"{API}/audit"), admin))).json["entries"]
        assert [(each["who"], each["via"], each["source"], each["operation"]) for each in audit] == [
            ("boss", "api", "127.0.0.1", "submit")
        ]

    with_port(tmp_path, test, tokens_file=tokens_file)


def with_token(request: bytes, token: str) -> bytes:
    """Return a request with a token."""
    return request.replace(b"host: ", f"authorization: Bearer {token}\r\nhost: ".encode(), 1)


def test_an_admin_makes_and_revokes_tokens(tmp_path: Path) -> None:
    """A new token is good at once, and its streams end with it. Its text is in no other answer."""
    tokens_file = tmp_path / "tokens"
    access = access_of_file(tokens_file)
    admin = made(access, "admin", "boss")
    access.close()

    async def test(_client: Any, url: str) -> None:
        asked = with_token(post(f"{API}/tokens", {"name": "ci", "role": "viewer", "lasts": 60}), admin)
        created = await ask(url, asked)
        assert (created.status, created.json["token"]["name"], created.json["token"]["made_by"]) == (201, "ci", "boss")
        text = created.json["text"]
        listed = await ask(url, with_token(http("GET", f"{API}/tokens"), admin))
        assert [token["name"] for token in listed.json["tokens"]] == ["boss", "ci"]
        assert text.encode() not in listed.body
        assert (await ask(url, asked)).json["code"] == "token_exists"
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(with_token(http("GET", f"{API}/stream"), text))
        assert b"event: hello" in await reader.readuntil(b"event: hello")
        assert (await ask(url, with_token(http("DELETE", f"{API}/tokens/ci"), admin))).status == 200
        assert b"the token or session is not valid any more" in await reader.read()
        writer.close()
        assert (await ask(url, with_token(http("GET", f"{API}/definitions"), text))).status == 401
        assert (await ask(url, with_token(http("DELETE", f"{API}/tokens/ci"), admin))).json["code"] == "unknown_token"

    with_port(tmp_path, test, tokens_file=tokens_file)


def test_a_token_for_some_workflows_sees_their_runs_alone(tmp_path: Path) -> None:
    """Every other run and workflow does not exist for it, and what is about all of them is refused."""
    (tmp_path / "definitions").mkdir()
    for name in ("mine", "other"):
        text = f'version: "1.0.0"\nref: test.{name}\ntasks: [{{name: a, action: core.noop}}]\n'
        (tmp_path / "definitions" / f"{name}.yaml").write_text(text)

    async def test(client: Any, url: str) -> None:
        made_token = await asyncio.to_thread(
            client.ask, CreateToken("some", "operator", workflows=["test.mine"], note="for a test")
        )
        token = made_token.text
        runs = {}
        for name in ("mine", "other"):
            accepted = await asyncio.to_thread(client.ask, Submit(f"test.{name}"))
            runs[name] = accepted.run
        for target, status in (
            (f"/runs/{runs['mine']}", 200),
            (f"/runs/{runs['other']}", 404),
            (f"/runs/{runs['other']}/stream", 404),
            (f"/runs:find?text={runs['other']}", 404),
            (f"/runs:find?text={runs['mine']}", 200),
            ("/runs?workflow=test.other", 404),
            ("/runs/counts?since=0", 403),
        ):
            reply = await ask(url, with_token(http("GET", API + target), token))
            assert reply.status == status, target
        listed = await ask(url, with_token(http("GET", f"{API}/runs"), token))
        assert [run["id"] for run in listed.json["runs"]] == [runs["mine"]]
        refs = await ask(url, with_token(http("GET", f"{API}/definitions"), token))
        assert [each["ref"] for each in refs.json["definitions"]] == ["test.mine"]
        for body, status in (({"workflow": "test.mine"}, 202), ({"workflow": "test.other"}, 404)):
            assert (await ask(url, with_token(post(f"{API}/runs", body), token))).status == status

    with_port(tmp_path, test, store=f"sqlite:///{tmp_path}/runs.db", definitions=str(tmp_path / "definitions"))


SEEN_BY_RESTRICTED = {
    "GET ", "GET /openapi.json", "GET /me", "DELETE /session", "POST /enter-codes", "GET /definitions", "GET /actions",
}  # fmt: skip
"""What a token for some workflows gets that names none of them. The lists leave out what it does not see."""


def test_a_token_for_some_workflows_gets_nothing_else(tmp_path: Path) -> None:
    """A route that is about all workflows refuses it, whatever its role."""
    tokens_file = tmp_path / "tokens"
    access = access_of_file(tokens_file)
    token = made(access, "admin", workflows=("test.mine",))
    access.close()

    async def test(_client: Any, url: str) -> None:
        answered = set()
        for route in ROUTES:
            if route.role is not None and (await ask(url, sample(route, token))).status < 300:
                answered.add(f"{route.method} {route.path}")
        assert answered == SEEN_BY_RESTRICTED

    with_port(tmp_path, test, tokens_file=tokens_file)


def test_a_token_for_some_workflows_learns_no_run_from_an_inquiry(tmp_path: Path) -> None:
    """One of another run is as unknown as one that there is not."""
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "asks.yaml").write_text(
        'version: "1.0.0"\nref: test.asks\ntasks: [{name: ask, action: core.ask, input: {prompt: "Well?"}}]\n'
    )

    async def test(client: Any, url: str) -> None:
        made_token = await asyncio.to_thread(client.ask, CreateToken("some", "operator", workflows=["test.mine"]))
        run = (await asyncio.to_thread(client.ask, Submit("test.asks"))).run
        asked: list[dict[str, Any]] = []
        while not asked:
            asked = (await asyncio.to_thread(client.ask, Inquiries(status="pending"))).inquiries
        target = f"{API}/inquiries/{asked[0]['id']}"
        for request in (http("GET", target), post(f"{target}/answer", {"response": True})):
            reply = await ask(url, with_token(request, made_token.text))
            assert (reply.status, reply.json["code"]) == (404, "unknown_inquiry")
            assert run.encode() not in reply.body

    with_port(tmp_path, test, store=f"sqlite:///{tmp_path}/runs.db", definitions=str(tmp_path / "definitions"))
