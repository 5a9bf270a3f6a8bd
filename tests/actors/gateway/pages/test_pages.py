"""What all pages have in common."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.problems import STATUSES
from stretto.actors.gateway.pages import words
from stretto.actors.gateway.pages.asset_files import FOLDER, Assets
from stretto.actors.gateway.pages.explanations import EXPLANATIONS
from stretto.actors.gateway.pages.rendering import HEADERS, TEMPLATES, Renderer
from stretto.actors.journal.link import JournalLink
from tests.actors.gateway.http.test_sessions import with_tokens
from tests.actors.gateway.pages.test_runs import entered, text_of, with_runs
from tests.support.browsing import Browser
from tests.support.paths import ROOT

MOST_LINES = 400
MODULES = sorted((ROOT / "actors" / "gateway").rglob("*.py"))


def test_every_code_is_explained() -> None:
    """Each `type` of a problem is the address of a page."""
    assert EXPLANATIONS.keys() == STATUSES.keys()


@pytest.mark.parametrize("path", sorted(TEMPLATES.iterdir()), ids=lambda path: path.name)
def test_templates_escape_everything_and_have_no_style_or_script_of_their_own(path: Path) -> None:
    """The policy of the pages would refuse inline ones, and data are never markup."""
    text = path.read_text()
    assert not re.search(r"\|\s*safe|autoescape|<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert re.findall(r"<script(?! type=\"module\" src=\"\{\{ assets \}\}/\w+\.js\"></script>)", text) == []
    assert not re.search(r"(src|href|action)=\"(https?:)?//", text)


def test_no_module_makes_markup() -> None:
    """Only templates do."""
    for path in MODULES:
        assert not re.search(r"\b(Markup|escape)\b", path.read_text()), path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_scripts_make_no_markup_and_are_short(path: Path) -> None:
    """They set texts and attributes."""
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://", text)


def test_browsers_keep_styles_and_scripts_as_long_as_they_are_the_same(tmp_path: Path) -> None:
    """Their address has a hash of them, and they need no log-in."""
    base = Assets().base
    assert base == Assets().base

    async def test(_client: Any, url: str, _token: str) -> None:
        browser = Browser(url)
        page = (await browser.open("/enter")).body.decode()
        linked = set(re.findall(rf'"({base}/[^"]+)"', page))
        assert {f"{base}/stretto.css", f"{base}/page.js", f"{base}/enter.js", f"{base}/stretto.svg"} == linked
        for path in (*linked, *(f"{base}/{each.name}" for each in FOLDER.iterdir())):
            reply = await browser.open(path)
            assert (reply.status, "immutable" in reply.headers["cache-control"]) == (200, True), path
            assert reply.headers["x-content-type-options"] == "nosniff"
        assert (await browser.open(f"{base}/base.html")).status == 404
        assert (await browser.open(f"{base}/..%2Ftemplates%2Fbase.html")).status == 404
        assert (await browser.open("/assets/0123456789abcdef/page.js")).status == 404

    with_tokens(tmp_path, test)


def test_a_problem_is_a_page_for_browsers_and_json_for_programs(tmp_path: Path) -> None:
    """With the same words. Each code has a page that explains it."""

    async def test(_client: Any, url: str, _token: str) -> None:
        browser = Browser(url)
        page = await browser.open("/rums")
        assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert b"there is nothing at /rums" in page.body
        assert page.headers["x-request-id"].encode() in page.body
        assert {name: page.headers[name] for name in HEADERS} == {name: text.lower() for name, text in HEADERS.items()}
        assert (await browser.send("GET", "/rums")).json["code"] == "not_found"
        assert (await browser.open("/api/v1/nothing")).json["code"] == "not_found"
        for code in STATUSES:
            explained = await browser.open(f"/problems/{code}")
            assert (explained.status, code.encode() in explained.body) == (200, True)
        unknown = await browser.open("/problems/unknown_rum")
        assert (unknown.status, b"unknown_run" in unknown.body) == (404, True)
        keys = await browser.open("/keys")
        assert (keys.status, b"Log out" in keys.body, b"Log out" in page.body) == (200, False, False)
        assert (await browser.send("GET", "/")).json["code"] == "unauthenticated"

    with_tokens(tmp_path, test)


def test_a_template_without_its_values_is_an_error() -> None:
    """A page with holes would be believed."""
    with pytest.raises(Exception, match="is undefined"):
        Renderer("/assets").text("runs.html", None)


def test_all_pages_say_that_the_store_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what needs it is disabled, with the reason."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        assert "store-down" not in await text_of(browser, "/tokens")
        monkeypatch.setattr(JournalLink, "unavailable", "disk I/O error")
        for path in ("/actions", "/engine", "/tokens"):
            assert 'id="store-down"' in await text_of(browser, path)
        page = await text_of(browser, "/tokens")
        assert '<button class="b main" type="submit" disabled aria-describedby="store-down">' in page
        assert "disk I/O error" not in page

    with_runs(tmp_path, test)


def test_a_time_to_come_is_a_day_or_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of long ago has its year."""
    monkeypatch.setattr(time, "time", lambda: words.moment("2026-11-28T12:00:00Z").timestamp())
    shown = {
        "2026-11-28T11:59:59.500Z": "just now",
        "2026-11-28T11:59:00Z": "1 m 00 ago",
        "2026-11-28T10:00:00Z": "10:00 UTC",
        "2026-11-28T12:00:30Z": "12:00 UTC",
        "2026-11-20T10:00:00Z": "20 Nov 10:00 UTC",
        "2027-02-26T10:00:00Z": "26 Feb 2027",
        "2025-11-28T12:00:00Z": "28 Nov 2025",
    }
    assert {text: words.ago(text) for text in shown} == shown
