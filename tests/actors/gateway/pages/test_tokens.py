"""The page of the tokens, and its forms."""

import asyncio
import re
from pathlib import Path
from typing import Any

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.tokens import state_of
from stretto.actors.operations import Audit, Tokens
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, text_of, with_runs
from tests.support.browsing import Browser

FORM = {"role": "operator", "ends": "30d", "workflows": "test.echo\ntest.items", "note": "for the tests"}


def test_a_token_is_made_and_shown_once(tmp_path: Path) -> None:
    """It logs in with the rights of the form. No answer is kept by a browser, and no later one has the token."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        reply = await browser.submit("/tokens", csrf=browser.csrf, name="deploy-bot", **FORM)
        page = reply.body.decode()
        assert (reply.status, reply.headers["cache-control"]) == (201, "no-store")
        (text,) = re.findall(r'<code class="secret">(str_[^<]+)</code>', page)
        assert "only test.echo, test.items" in page
        listed = await text_of(browser, "/tokens")
        assert text not in listed
        assert "deploy-bot" in listed
        bot = Browser(url)
        entered_as = await bot.log_in(token=text)
        assert (entered_as.json["role"], entered_as.json["workflows"]) == ("operator", ["test.echo", "test.items"])
        audit: Any = await asyncio.to_thread(client.ask, Audit())
        assert "for the tests" in [entry["note"] for entry in audit.entries]

    with_runs(tmp_path, test)


def test_a_form_that_is_refused_keeps_what_was_typed(tmp_path: Path) -> None:
    """With the reason, in the words of the command line. What no form offers is a bad request."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url, name="ada", role="admin")
        for name, status, reason in ((HOSTILE, 422, "must have 1 to 64 letters"), ("ada", 409, "ada")):
            reply = await browser.submit("/tokens", csrf=browser.csrf, name=name, **FORM)
            page = reply.body.decode()
            assert (reply.status, 'role="alert"' in page, reason in page) == (status, True, True)
            assert HOSTILE not in page
            assert '<input type="radio" name="role" value="operator" checked>' in page
            assert '<option value="30d" selected>' in page
            assert "test.echo\ntest.items</textarea>" in page
        for wrong in ({"ends": "2h"}, {"role": "hook"}):
            fields = {**FORM, **wrong, "name": "x", "csrf": browser.csrf}
            assert (await browser.submit("/tokens", **fields)).status == 400
        assert (await browser.submit("/tokens", csrf="wrong", name="x", **FORM)).status == 403
        tokens: Any = await asyncio.to_thread(client.ask, Tokens())
        assert [token["name"] for token in tokens.tokens] == ["ada"]

    with_runs(tmp_path, test)


def test_a_revoked_token_ends_its_session(tmp_path: Path) -> None:
    """The page asks first, and says when the session is its own."""

    async def test(client: Client, url: str) -> None:
        ada = await entered(client, url, name="ada", role="admin")
        bob = await entered(client, url, name="bob", role="viewer")
        page = await text_of(ada, "/tokens")
        links = dict(
            re.findall(r'<a class="b danger small" href="([^"]+)">Revoke…<span class="sr"> (\w+)</span>', page)
        )
        paths = {name: path for path, name in links.items()}
        assert '<span class="label">yours</span>' in page
        assert "Your own session" in await text_of(ada, paths["ada"])
        assert "Your own session" not in await text_of(ada, paths["bob"])
        assert (await bob.open("/")).status == 200
        revoked = await ada.submit(paths["bob"], csrf=ada.csrf, note="gone")
        assert (revoked.status, revoked.headers["location"]) == (303, "/tokens")
        assert (await bob.open("/")).status == 303
        await text_of(ada, paths["bob"], 404)
        page = await text_of(ada, "/tokens")
        assert page.index("<b>ada</b>") < page.index("<b>bob</b>")
        assert "Revoked" in page

    with_runs(tmp_path, test)


def test_tokens_are_for_administrators(tmp_path: Path) -> None:
    """Others have no link to them, and are refused."""

    async def test(client: Client, url: str) -> None:
        operator = await entered(client, url, name="bob", role="operator")
        assert 'href="/tokens"' not in await text_of(operator, "/")
        for path in ("/tokens", "/tokens/x/revoke"):
            await text_of(operator, path, 403)
        assert (await operator.submit("/tokens", csrf=operator.csrf, name="x", **FORM)).status == 403

    with_runs(tmp_path, test)


def test_a_token_is_valid_until_it_expires_or_is_revoked() -> None:
    """Revoked is the last word."""
    token = {"revoked_at": None, "expires_at": None}
    assert state_of(token, 10.0) == "valid"
    assert state_of(token | {"expires_at": "1970-01-01T00:00:11Z"}, 10.0) == "valid"
    assert state_of(token | {"expires_at": "1970-01-01T00:00:10Z"}, 10.0) == "expired"
    assert state_of({"revoked_at": "1970-01-01T00:00:01Z", "expires_at": "1970-01-01T00:00:10Z"}, 10.0) == "revoked"
