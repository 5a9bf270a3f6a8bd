"""The page to log in, without its script."""

from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.pages.enter import own_path
from stretto.actors.gateway.pages.rendering import HEADERS
from tests.actors.gateway.http.test_sessions import with_tokens
from tests.support.browsing import Browser


def test_a_token_in_the_form_leads_to_the_page_that_was_asked_for(tmp_path: Path) -> None:
    """A wrong one to the same form, with the reason. The token is in no answer."""

    async def test(_client: Any, url: str, token: str) -> None:
        browser = Browser(url)
        asked = await browser.open("/runs/r1?task=a")
        assert (asked.status, asked.headers["location"]) == (303, "/enter?next=%2fruns%2fr1%3ftask%3da")
        form = await browser.open("/enter?next=%2Fruns%2Fr1%3Ftask%3Da")
        assert b'<input type="hidden" name="next" value="/runs/r1?task=a">' in form.body
        assert {name: form.headers[name] for name in HEADERS} == {name: text.lower() for name, text in HEADERS.items()}
        assert form.headers["cache-control"] == "no-store"
        wrong = await browser.submit("/enter", token=token[:-1] + "!", next="/runs/r1")
        assert (wrong.status, b"mistyped" in wrong.body, b'value="/runs/r1"' in wrong.body) == (401, True, True)
        assert token[:-1].encode() not in wrong.body
        right = await browser.submit("/enter", token=f" {token} ", next="/runs/r1?task=a")
        assert (right.status, right.headers["location"]) == (303, "/runs/r1?task=a")
        browser.keep(right)
        assert (await browser.open("/")).status == 200

    with_tokens(tmp_path, test)


def test_the_form_of_another_page_is_refused(tmp_path: Path) -> None:
    """Nobody logs a browser in as somebody else. Large forms and other bodies are refused as well."""

    async def test(_client: Any, url: str, token: str) -> None:
        form = {"accept": "text/html", "content_type": "application/x-www-form-urlencoded"}
        body = f"token={token}".encode()
        for status, sent, headers in (
            (403, body, {"sec_fetch_site": "cross-site"}),
            (403, body, {"origin": "http://evil.example"}),
            (413, b"token=" + b"x" * 20_000, {}),
            (415, body, {"content_type": "text/plain"}),
            (400, b"a=1&" * 30, {}),
            (400, b"token=%ff", {}),
        ):
            reply = await Browser(url).send("POST", "/enter", sent, **{**form, **headers})
            assert (reply.status, "set-cookie" in reply.headers) == (status, False), (sent[:20], headers)

    with_tokens(tmp_path, test)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/runs/r1?task=a&item=1", "/runs/r1?task=a&item=1"),
        ("/", "/"),
        (None, "/"),
        ("", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_the_log_in_leads_to_pages_of_the_daemon_only(given: str | None, path: str) -> None:
    """Whatever the address says."""
    assert own_path(given) == path
