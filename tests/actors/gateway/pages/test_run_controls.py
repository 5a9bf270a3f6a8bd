"""The forms that change a run, and the pages that ask before, as a browser without script gets them."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.forms import request_from
from stretto.actors.operations import Audit, SetConcurrency, Status, Watch
from tests.actors.gateway.pages.test_runs import entered, start, text_of, with_runs


async def status_of(client: Client, run: str) -> dict[str, Any]:
    """Return a run's status."""
    answer: Any = await asyncio.to_thread(client.ask, Status(run))
    found: dict[str, Any] = answer.run
    return found


def test_a_cancellation_has_a_note_for_the_audit(tmp_path: Path) -> None:
    """It stands there with who has cancelled the run."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        browser = await entered(client, url)
        done = await browser.submit(f"/runs/{run}/cancel", csrf=browser.csrf, note="too slow")
        assert (done.status, done.headers["location"]) == (303, f"/runs/{run}")
        await asyncio.to_thread(list, client.answers(Watch(run)))
        audit: Any = await asyncio.to_thread(client.ask, Audit())
        cancelled = next(entry for entry in audit.entries if entry["operation"] == "cancel")
        assert (cancelled["note"], cancelled["target"]) == ("too slow", run)
        asked = await text_of(browser, f"/runs/{run}/cancel")
        assert "it has ended (cancelled)" in asked
        assert "Cancel the run</button>" not in asked
        assert (await browser.submit(f"/runs/{run}/cancel", csrf=browser.csrf, note="x" * 1001)).status == 400

    with_runs(tmp_path, test)


def test_windows_limits_and_the_deadline_are_changed_while_a_run_goes_on(tmp_path: Path) -> None:
    """Only numbers that differ from those of the page are changed."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.limited")
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{run}/adjust")
        assert 'name="was_concurrency" value="2"' in page
        assert 'name="was_max_failures" value="1"' in page
        path = f"/runs/{run}/adjust"
        same = {"csrf": browser.csrf, "task": "sleep", "was_concurrency": "2", "was_max_failures": "1"}
        done = await browser.submit(path, **same, concurrency="3", max_failures="1", note="faster")
        assert (done.status, done.headers["location"]) == (303, path)
        window = (await status_of(client, run))["tasks"]["sleep"]["window"]
        assert window == {"concurrency": 3, "max_failures": 1}
        await browser.submit(path, **same, concurrency="2", max_failures="4")
        window = (await status_of(client, run))["tasks"]["sleep"]["window"]
        assert window == {"concurrency": 3, "max_failures": 4}
        before = re.search(r'data-clock title="([^"]+)"', page)
        assert (await browser.submit(path, csrf=browser.csrf, minutes="90")).status == 303
        after = re.search(r'data-clock title="([^"]+)"', await text_of(browser, path))
        assert before is not None
        assert after is not None
        assert before[1] < after[1]
        for wrong in ({"minutes": "ten"}, {"minutes": "-1"}, {"concurrency": "0"}, {"max_failures": "1.5"}):
            assert (await browser.submit(path, csrf=browser.csrf, task="sleep", **wrong)).status == 400
        audit: Any = await asyncio.to_thread(client.ask, Audit())
        assert [entry["operation"] for entry in audit.entries][:3] == ["extend", "set_max_failures", "set_concurrency"]

    with_runs(tmp_path, test)


def test_an_item_is_skipped_and_retried_by_forms(tmp_path: Path) -> None:
    """A page asks first. An item that cannot be changed is refused with the reason."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        browser = await entered(client, url)
        asked = await text_of(browser, f"/runs/{run}/item/skip?task=sleep&item=2")
        assert "Skip item 2 of sleep?" in asked
        skipped = await browser.submit(f"/runs/{run}/item/skip", csrf=browser.csrf, task="sleep", item="2")
        assert (skipped.status, skipped.headers["location"]) == (303, f"/runs/{run}?task=sleep&item=2")
        assert (await status_of(client, run))["tasks"]["sleep"]["items"]["succeeded"] == 1
        refused = await browser.submit(f"/runs/{run}/item/retry", csrf=browser.csrf, task="sleep", item="0")
        assert refused.status == 409
        assert "Retry item 0" in await text_of(browser, f"/runs/{run}/item/retry?task=sleep&item=0")
        await text_of(browser, f"/runs/{run}/item/delete?task=sleep&item=0", 404)
        await text_of(browser, f"/runs/{run}/item/skip?task=sleep&item=x", 400)

    with_runs(tmp_path, test)


def test_a_viewer_is_asked_nothing(tmp_path: Path) -> None:
    """The pages have no forms, and what is sent is refused."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.limited")
        ended = await start(client, "test.items", to_the_end=True)
        viewer = await entered(client, url, name="eve", role="viewer")
        page = await text_of(viewer, f"/runs/{run}")
        assert "<dialog" not in page
        assert "Adjust…" not in page
        assert "Rerun…" not in await text_of(viewer, f"/runs/{ended}")
        paths = [f"/runs/{run}/adjust", f"/runs/{run}/item/skip?task=sleep&item=0", f"/runs/{ended}/rerun"]
        for path in paths:
            page = await text_of(viewer, path)
            assert "A viewer cannot" in page
            assert re.findall(r'<form[^>]* action="([^"]*)"', page) == ["/leave"]
        for path in paths:
            sent = await viewer.submit(path, csrf=viewer.csrf, task="sleep", item="0", concurrency="5", choice="item")
            assert sent.status == 403

    with_runs(tmp_path, test)


def test_a_text_that_does_not_fit_its_field_is_refused() -> None:
    """An empty note is no note."""
    made = request_from(SetConcurrency, run="r", task="t", concurrency="5", note="")
    assert made == SetConcurrency(run="r", task="t", concurrency=5)
    for wrong in ("", "five", "0", "9" * 5000):
        with pytest.raises(Problem):
            request_from(SetConcurrency, run="r", task="t", concurrency=wrong)
