"""A webhook takes any JSON from who knows its secret, and answers once the event is durable."""

import asyncio
import hashlib
import hmac
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from stretto.actors.access import ROLES, Role
from stretto.actors.gateway.client import Client
from stretto.actors.triggers import MAX_HOOK_BYTES
from tests.support.access import token_in
from tests.support.gateways import Reply, http, read_reply, with_port

SECRET = "a-token-of-a-hook"
HOOK = "hook: greeted\nsecret: {file: secret}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of definitions with a secret."""
    made = tmp_path / "definitions"
    made.mkdir()
    (made / "secret").write_text(SECRET)
    (made / "rule.yaml").write_text("on: greeted\nrun: core.echo\ninput: {message: '{{ payload.name }}'}\n")
    return made


async def post(url: str, name: str, body: bytes, **headers: str) -> Reply:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(http("POST", f"/api/v1/hooks/{name}", body, **headers))
    try:
        return read_reply(await reader.read())
    finally:
        writer.close()


def bearer(secret: str = SECRET) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_an_event_is_accepted_and_starts_its_run(tmp_path: Path, folder: Path, sqlite_url: str) -> None:
    """The port needs no other token."""
    (folder / "hook.yaml").write_text(HOOK)

    async def test(_client: Client, url: str) -> None:
        reply = await post(url, "greeted", b'{"name": "Ann"}', **bearer())
        assert reply.status == 202
        assert reply.json["event"].startswith("evt-")
        again = await post(url, "greeted", b'{"name": "Ann"}', **bearer())
        assert again.status == 202
        assert again.json != reply.json

    with_port(tmp_path, test, definitions=folder, store=sqlite_url)


def test_who_does_not_know_the_secret_is_refused(tmp_path: Path, folder: Path) -> None:
    """And a hook without a secret, or one that there is not, takes nothing."""
    (folder / "hook.yaml").write_text(HOOK)
    (folder / "open.yaml").write_text("hook: open\n")

    async def test(_client: Client, url: str) -> None:
        for name, headers, status, code in (
            ("greeted", {}, 401, "hook_refused"),
            ("greeted", bearer("another"), 401, "hook_refused"),
            ("open", bearer(), 503, "no_hook_secret"),
            ("greted", bearer(), 404, "unknown_hook"),
        ):
            reply = await post(url, name, b"{}", **headers)
            assert (reply.status, reply.json["code"]) == (status, code)
            assert SECRET.encode() not in reply.raw
            assert b"greeted" not in reply.raw
            assert str(folder).encode() not in reply.raw

    with_port(tmp_path, test, definitions=folder)


def test_a_body_is_any_json_of_up_to_a_mebibyte(tmp_path: Path, folder: Path) -> None:
    """Another is refused by name."""
    (folder / "hook.yaml").write_text(HOOK)

    async def test(_client: Client, url: str) -> None:
        for body in (b"", b"null", b"5", b'"text"', b"[1]", msgspec.json.encode("x" * (MAX_HOOK_BYTES - 2))):
            assert (await post(url, "greeted", body, **bearer())).status == 202
        for body, status, code in (
            (b"{", 422, "invalid_input"),
            (b"\xff", 422, "invalid_input"),
            (msgspec.json.encode("x" * MAX_HOOK_BYTES), 413, "limit_exceeded"),
        ):
            reply = await post(url, "greeted", body, **bearer())
            assert (reply.status, reply.json["code"]) == (status, code)

    with_port(tmp_path, test, definitions=folder)


def test_a_repeated_delivery_is_answered_with_the_first_event(tmp_path: Path, folder: Path, sqlite_url: str) -> None:
    """Of GitHub's by its body, whatever its id says, which is not signed."""
    (folder / "hook.yaml").write_text(HOOK + "style: github\n")
    body = b'{"name": "Ann"}'
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    async def test(_client: Client, url: str) -> None:
        replies = [
            await post(url, "greeted", body, x_hub_signature_256=f"sha256={digest}", x_github_delivery=str(number))
            for number in range(2)
        ]
        assert [each.status for each in replies] == [202, 200]
        assert replies[0].json == replies[1].json

    with_port(tmp_path, test, definitions=folder, store=sqlite_url)


def test_an_expression_says_what_is_repeated(tmp_path: Path, folder: Path) -> None:
    """Without a store as well."""
    (folder / "hook.yaml").write_text(HOOK + "dedupe: payload.order\n")

    async def test(_client: Client, url: str) -> None:
        bodies = [b'{"order": 1, "n": 1}', b'{"order": 1, "n": 2}', b'{"order": 2}', b"{}"]
        assert [(await post(url, "greeted", body, **bearer())).status for body in bodies] == [202, 200, 202, 422]

    with_port(tmp_path, test, definitions=folder)


async def send(url: str, path: str, body: bytes, token: str) -> Reply:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(http("POST", f"/api/v1/{path}", body, authorization=f"Bearer {token}"))
    try:
        return read_reply(await reader.read())
    finally:
        writer.close()


def test_events_are_sent_with_a_token(tmp_path: Path, folder: Path, sqlite_url: str) -> None:
    """Of a hook, an operator or an admin. One with a key is accepted once."""
    tokens = {role: token_in(sqlite_url, role) for role in ROLES}
    restricted = token_in(sqlite_url, "admin", workflows=("ops.greet",))

    async def test(_client: Client, url: str) -> None:
        statuses: dict[Role, int] = {"hook": 202, "operator": 202, "admin": 202, "viewer": 403}
        for role, status in statuses.items():
            body = b'{"trigger_ref": "greeted", "payload": {"name": "Ann"}}'
            assert (await send(url, "events", body, tokens[role])).status == status
            assert (await send(url, "webhooks/a/b", b"[1]", tokens[role])).status == status
            assert (await send(url, "events", body, restricted)).status == 403
        assert (await send(url, "webhooks/a/b", b"[1]", restricted)).status == 403
        keyed = b'{"trigger_ref": "greeted", "payload": 1, "key": "k"}'
        replies = [await send(url, "events", keyed, tokens["hook"]) for _ in range(2)]
        assert [each.status for each in replies] == [202, 200]
        assert replies[0].json == replies[1].json
        assert (await send(url, "events", b'{"payload": 1}', tokens["hook"])).status == 400
        for refused in ("stretto.run_ended", "core.st2.generic.actiontrigger", "a\0b"):
            reply = await send(url, "events", msgspec.json.encode({"trigger_ref": refused}), tokens["admin"])
            assert (reply.status, reply.json["code"]) == (422, "invalid_input")
        assert (await send(url, "runs", b'{"workflow": "a.b"}', tokens["hook"])).status == 403

    with_port(tmp_path, test, definitions=folder, store=sqlite_url)


def test_an_event_for_one_rule_of_attunes_is_answered_by_this_one(
    tmp_path: Path, folder: Path, sqlite_url: str
) -> None:
    for name in ("one", "two"):
        (folder / f"{name}.yaml").write_text(
            f"ref: t.{name}\nlabel: {name}\ntrigger_ref: t.seen\naction_ref: core.echo\n"
            "action_params: {message: seen}\nconditions: []\nenabled: true\n"
        )
    admin = token_in(sqlite_url, "admin")

    async def test(_client: Client, url: str) -> None:
        for rule, answering in (("t.one", ["t.one"]), (None, ["t.one", "t.two"])):
            given = {"trigger_ref": "t.seen", "payload": 1} | ({} if rule is None else {"rule_ref": rule})
            reply = await send(url, "events", msgspec.json.encode(given), admin)
            assert reply.status == 202
            shown = await ask(url, f"events/{reply.json['event']}", admin)
            assert [each["rule"] for each in shown.json["matches"]] == answering

    with_port(tmp_path, test, definitions=folder, store=sqlite_url)


async def ask(url: str, path: str, token: str) -> Reply:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(http("GET", f"/api/v1/{path}", authorization=f"Bearer {token}"))
    try:
        return read_reply(await reader.read())
    finally:
        writer.close()
