"""The pages of refusals: within the frame of the site, with the page that may have been meant."""

from pathlib import Path
from unittest import mock

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.errors import Nearest, nearest_place
from stretto.actors.journal import StoreUnavailable
from tests.actors.gateway.pages.test_runs import entered, start, text_of, with_runs


def test_a_name_that_does_not_exist_leads_to_the_nearest_one(tmp_path: Path) -> None:
    """Of a workflow, an action, a task, a problem or a page; and the frame says who looks."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        for wrong, right in (
            ("/definitions/test.ecko", "/definitions/test.echo"),
            ("/actions/core.ech", "/actions/core.echo"),
            (f"/runs/{run}?task=eech", f"/runs/{run}?task=each"),
            ("/problems/not_foun", "/problems/not_found"),
            ("/engin", "/engine"),
        ):
            page = await text_of(browser, wrong, 404)
            assert f'Did you mean <a class="mono" href="{right}">' in page, wrong
            assert page.lower().count("did you mean") == 1, wrong
        refused = await text_of(browser, "/definitions/test.ecko", 404)
        assert '<span class="role">admin</span>' in refused
        # A flexible box drops an ordinary space before a link.
        assert '<p class="crumbs">404&nbsp;<a href="/problems/unknown_workflow">' in refused
        assert "Did you mean" not in await text_of(browser, "/nothing-like-it", 404)
        for path, status in (
            ("/nothing-like-it", 404),
            ("/problems/nothing-like-it", 404),
            ("/problems/busy", 200),
            ("/keys", 200),
        ):
            assert '<span class="role">admin</span>' in await text_of(browser, path, status), path

    with_runs(tmp_path, test)


@pytest.mark.parametrize(
    ("code", "detail", "expected"),
    [
        ("not_found", "there is nothing at /rns; did you mean '/runs'?", Nearest("/runs", "/runs")),
        ("not_found", "there is nothing at /x; did you mean '/runs/{run}'?", None),
        ("not_found", "there is nothing at /x; did you mean '/api/v1/runs'?", None),
        ("not_found", "there is no thing 'x'; did you mean 'javascript:x'?", None),
        ("unknown_workflow", "no 'a'; did you mean 'a b/c'?", Nearest("a b/c", "/definitions/a%20b/c")),
        ("bad_request", "the page has no filter 'at'; did you mean 'att'?", None),
        ("unknown_run", "there is no run 'x'", None),
    ],
)
def test_only_pages_are_suggested(code: str, detail: str, expected: Nearest | None) -> None:
    """Neither routes of the API, nor patterns, nor anything else that a message names."""
    assert nearest_place("/x", Problem(code, detail)) == expected


def test_a_store_that_is_down_has_a_page_of_its_own(tmp_path: Path) -> None:
    """Within the frame, with a link to try again; pages that need no store are shown."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        down = StoreUnavailable("the store cannot be used: the disk is full")
        with mock.patch.object(Asker, "ask", side_effect=down):
            page = await text_of(browser, f"/runs/{run}?task=each", 503)
        assert "<h1>The store cannot be used now</h1>" in page
        assert "the disk is full" in page
        assert f'href="/runs/{run}?task=each" data-again>Try again</a>' in page
        assert '<span class="role">admin</span>' in page
        assert 'href="/definitions" data-go="d"' in page
        assert "Try again" not in await text_of(browser, "/nothing-like-it", 404)

    with_runs(tmp_path, test)
