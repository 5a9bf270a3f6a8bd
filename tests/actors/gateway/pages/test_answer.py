"""The page of personal links, without its script: the question, one answer, and what is refused."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.failed_logins import MAX_FAILED_LOGINS
from stretto.actors.gateway.pages.rendering import HEADERS
from stretto.actors.operations import AnswerInquiry, LinkInquiry
from tests.actors.gateway.pages.test_inquiries import FILES, asked
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, text_of, with_runs
from tests.support.browsing import Browser

RIGHT = {"in.approve": "true", "in.hosts": "2", "answers": "1"}


async def link_to(client: Client, inquiry: str, person: str = "mira") -> tuple[str, str]:
    """Make a link, and return its path and its code."""
    made: Any = await asyncio.to_thread(client.ask, LinkInquiry(inquiry, person))
    parts = urlsplit(made.link["url"])
    return parts.path, parts.fragment


def test_a_link_shows_the_question_and_takes_one_answer(tmp_path: Path) -> None:
    """Without a session. Opening it changes nothing, and shows nothing to who has no code."""

    async def test(client: Client, url: str) -> None:
        inquiry = await asked(client)
        path, code = await link_to(client, inquiry["id"])
        browser = Browser(url)
        opened = await browser.open(path)
        assert (opened.status, opened.headers["cache-control"]) == (200, "no-store")
        assert {name: opened.headers[name] for name in HEADERS} == {
            name: text.lower() for name, text in HEADERS.items()
        }
        assert b"Deploy" not in opened.body
        assert (await browser.open("/answer/nothing-at-all")).body == opened.body.replace(
            inquiry["id"].encode(), b"nothing-at-all"
        )
        shown = await browser.submit(path, code=code)
        assert shown.status == 200
        assert 'name="in.approve"' in shown.body.decode()
        assert "You answer as <b>mira</b>" in shown.body.decode()
        assert HOSTILE not in shown.body.decode()
        wrong = await browser.submit(path, code=code, answers="1", **{"in.approve": "true", "in.hosts": "0"})
        assert (wrong.status, "must be at least 1" in wrong.body.decode()) == (422, True)
        right = await browser.submit(path, code=code, **RIGHT)
        assert (right.status, "Thank you, mira" in right.body.decode()) == (200, True)
        assert "set-cookie" not in right.headers
        page = await text_of(await entered(client, url, name="ada", role="admin"), f"/inquiries/{inquiry['id']}")
        assert "mira answered" in page
        assert "(link)" in page

    with_runs(tmp_path, test, files=FILES)


def test_no_wrong_code_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    """That of another inquiry, a guessed one, and one whose inquiry is answered get one answer, and a bound."""

    async def test(client: Client, url: str) -> None:
        inquiry = await asked(client)
        path, code = await link_to(client, inquiry["id"])
        browser, bodies = Browser(url), []
        for at, given in (("/answer/nope", code), (path, code[:-1]), (path, "")):
            reply = await browser.submit(at, code=given)
            assert reply.status == 404
            bodies.append(reply.body.replace(b"/answer/nope", path.encode()))
        await asyncio.to_thread(client.ask, AnswerInquiry(inquiry["id"], {"approve": True, "hosts": 2}))
        reply = await browser.submit(path, code=code)
        assert reply.status == 404
        bodies.append(reply.body)
        assert len(set(bodies)) == 1
        assert b"this link cannot be used" in bodies[0]
        for _ in range(MAX_FAILED_LOGINS - len(bodies)):
            assert (await browser.submit(path, code="guess")).status == 404
        refused = await browser.submit(path, code=code)
        assert (refused.status, refused.headers["retry-after"] != "0") == (429, True)
        assert b"an address may fail to use a personal link 10 times" in refused.body

    with_runs(tmp_path, test, files=FILES)


def test_who_answers_second_is_shown_who_was_first(tmp_path: Path) -> None:
    async def test(client: Client, url: str) -> None:
        inquiry = await asked(client)
        path, first = await link_to(client, inquiry["id"])
        _path, second = await link_to(client, inquiry["id"], "noor")
        browser = Browser(url)
        assert (await browser.submit(path, code=second)).status == 200
        assert (await browser.submit(path, code=first, **RIGHT)).status == 200
        late = await browser.submit(path, code=second, **RIGHT)
        assert late.status == 409
        assert "was answered by mira (link) at" in late.body.decode()
        assert 'id="start"' not in late.body.decode()

    with_runs(tmp_path, test, files=FILES)


def test_the_form_of_another_page_is_refused(tmp_path: Path) -> None:
    """Also with the right code. Large forms and other bodies are refused as well."""

    async def test(client: Client, url: str) -> None:
        inquiry = await asked(client)
        path, code = await link_to(client, inquiry["id"])
        form = {"accept": "text/html", "content_type": "application/x-www-form-urlencoded"}
        body = f"code={code}&answers=1&in.approve=true&in.hosts=2".encode()
        for status, sent, headers in (
            (403, body, {"sec_fetch_site": "cross-site"}),
            (403, body, {"origin": "http://evil.example"}),
            (413, b"code=" + b"x" * 300_000, {}),
            (415, body, {"content_type": "text/plain"}),
        ):
            reply = await Browser(url).send("POST", path, sent, **{**form, **headers})
            assert reply.status == status, headers
        assert (await Browser(url).submit(path, code=code)).status == 200

    with_runs(tmp_path, test, files=FILES)


def test_an_administrator_makes_a_link_on_the_page_of_the_inquiry(tmp_path: Path) -> None:
    """It is shown once. Others see no such form, and are refused."""

    async def test(client: Client, url: str) -> None:
        inquiry = await asked(client)
        where = f"/inquiries/{inquiry['id']}"
        browser = await entered(client, url, name="ada", role="admin")
        assert f"{where}/link" in await text_of(browser, where)
        made = await browser.submit(f"{where}/link", csrf=browser.csrf, to="mira")
        assert made.status == 201
        assert f"{url}/answer/{inquiry['id']}#" in made.body.decode()
        assert "#" not in (await text_of(browser, where)).partition("/answer/")[2][:100]
        assert (await browser.submit(f"{where}/link", csrf=browser.csrf, to=" ")).status == 400
        other = await entered(client, url, name="olga", role="operator")
        assert f"{where}/link" not in await text_of(other, where)
        assert (await other.submit(f"{where}/link", csrf=other.csrf, to="mira")).status == 403

    with_runs(tmp_path, test, files=FILES)
