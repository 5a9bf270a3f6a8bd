"""The tabs of a run that have tables: items, timeline, context, history."""

import re
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.access import Caller
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages import run_context, run_head, run_history, run_items
from stretto.actors.gateway.pages.run_head import TABS
from stretto.actors.history import bounded_replay
from stretto.actors.operations import Request, Why
from stretto.definitions.conductor import IllegalTransition
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, start, text_of, with_runs


def rows(page: str) -> list[str]:
    """Return the indexes of the items that a table shows."""
    return re.findall(r'<a class="row" href="[^"]*item=(\d+)">', page)


def test_items_are_filtered_by_the_address(tmp_path: Path) -> None:
    """A number leads to one item. An unknown filter names the nearest one."""

    async def test(client: Client, url: str) -> None:
        items = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        path = f"/runs/{items}/items"
        assert sorted(rows(await text_of(browser, path))) == ["0", "1", "2", "3"]
        for query, indexes in (
            ("order=index", ["0", "1", "2", "3"]),
            ("outcome=failed&order=index", ["2", "3"]),
            ("outcome=succeeded&task=each&visit=1&order=index", ["0", "1"]),
            ("outcome=timed_out", []),
            ("retried=1", []),
            ("item=3", ["3"]),
        ):
            assert rows(await text_of(browser, f"{path}?{query}")) == indexes, query
        failed = await text_of(browser, f"{path}?item=3")
        assert "division by zero" in failed
        assert "no attempt of item 9" in await text_of(browser, f"{path}?item=9")
        assert "did you mean" in await text_of(browser, f"{path}?outcom=failed", 400)
        for wrong in ("outcome=late", "order=size", "item=-1", "item=x", "visit=0"):
            await text_of(browser, f"{path}?{wrong}", 400)
        await text_of(browser, f"{path}?cursor=nonsense", 422)

    with_runs(tmp_path, test)


def test_a_table_of_many_items_has_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each leads to the next one with the same filters."""
    monkeypatch.setattr(run_items, "ROWS", 1)

    async def test(client: Client, url: str) -> None:
        items = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        path, seen = f"/runs/{items}/items?outcome=failed", []
        while path:
            page = await text_of(browser, path)
            seen += rows(page)
            following = re.search(r'<a href="([^"]+)" rel="next">', page)
            path = following[1].replace("&amp;", "&") if following else ""
        assert sorted(seen) == ["2", "3"]

    with_runs(tmp_path, test)


def test_the_timeline_draws_tasks_and_fan_outs(tmp_path: Path) -> None:
    """The table below says the same."""

    async def test(client: Client, url: str) -> None:
        items = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{items}/timeline")
        assert re.search(r'<rect class="succeeded" [^>]*/>', page)
        assert re.search(r'<rect class="failed" [^>]*/>', page)
        assert "<title>each: failed, 4 items</title>" in page
        assert '<td class="n c-items">4</td>' in page

    with_runs(tmp_path, test)


def test_the_context_has_versions_and_is_compared(tmp_path: Path) -> None:
    """Each name has the version that has set it. Secrets are masked, data are never markup."""

    async def test(client: Client, url: str) -> None:
        echo = await start(client, "test.published", to_the_end=True, inputs={"text": HOSTILE})
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{echo}/context")
        assert HOSTILE not in page
        assert "hush-hush" not in page
        assert "variables.said, tasks.echo" in page or "tasks.echo, variables.said" in page
        compared = await text_of(browser, f"/runs/{echo}/context?than=-1")
        assert re.search(r'<tr class="changed">\s*<th scope="row">said', compared)
        assert re.search(r'<tr class="new">\s*<th scope="row">echo', compared)
        assert "None yet." in await text_of(browser, f"/runs/{echo}/context?at=-1")
        await text_of(browser, f"/runs/{echo}/context?at=-2", 400)

    with_runs(tmp_path, test)


def test_a_context_whose_replay_is_too_long_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tab says why, and shows that of an earlier entry."""

    async def test(client: Client, url: str) -> None:
        echo = await start(client, "test.published", to_the_end=True, inputs={"text": "a"})
        browser = await entered(client, url)
        monkeypatch.setattr(bounded_replay, "MAX_ENTRIES", 1)
        page = await text_of(browser, f"/runs/{echo}/context")
        assert "The context is not shown: a replay takes at most 1 entries" in page
        assert 'aria-current="page">Context</a>' in page
        assert '<th scope="row">said' in await text_of(browser, f"/runs/{echo}/context?at=0")

    with_runs(tmp_path, test)


def test_a_large_value_of_the_context_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leads to the whole value."""
    monkeypatch.setattr(run_context, "MOST_SHOWN_BYTES", 10)

    async def test(client: Client, url: str) -> None:
        for size in (100, 100_000):
            echo = await start(client, "test.published", to_the_end=True, inputs={"text": "x" * size})
            browser = await entered(client, url)
            page = await text_of(browser, f"/runs/{echo}/context")
            href = re.search(r'<a href="(/api/v1/runs/[^"]+path=said)" download', page)
            assert href is not None
            value = await browser.open(href[1].replace("&amp;", "&"))
            assert value.json == "x" * size

    with_runs(tmp_path, test)


def test_the_history_has_filters_and_jumps_to_a_time(tmp_path: Path) -> None:
    """A time is one of the day on which the run was accepted."""

    async def test(client: Client, url: str) -> None:
        items = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        path = f"/runs/{items}/history"
        page = await text_of(browser, path)
        numbers = re.findall(r'<tr id="e(\d+)">', page)
        assert numbers == [str(number) for number in range(len(numbers))]
        assert len(numbers) >= 4
        assert re.findall(r'<tr id="e(\d+)">', await text_of(browser, f"{path}?after=1")) == numbers[2:]
        assert "item completed" in await text_of(browser, f"{path}?kind=item_completed&task=each")
        assert "No entry here." in await text_of(browser, f"{path}?kind=extension_requested")
        last = re.findall(r'data-clock="s" title="([\d-]+) ([\d:]+) UTC"', page)[-1]
        assert re.findall(r'<tr id="e(\d+)">', await text_of(browser, f"{path}?at={last[1]}"))[-1:] == numbers[-1:]
        assert re.findall(r'<tr id="e(\d+)">', await text_of(browser, f"{path}?at=2020-01-01T00:00:00Z")) == numbers
        assert "No entry here." in await text_of(browser, f"{path}?at=2099-01-01T00:00:00Z")
        for wrong in ("at=noon", "at=25:00", "after=x"):
            await text_of(browser, f"{path}?{wrong}", 400)
        await text_of(browser, f"{path}?kind=unknown", 422)

    with_runs(tmp_path, test)


def test_a_large_entry_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the page of the API that has only it."""
    monkeypatch.setattr(run_history, "MOST_DETAIL_BYTES", 1)

    async def test(client: Client, url: str) -> None:
        items = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{items}/history")
        assert f'href="/api/v1/runs/{items}/history?after=-1&amp;limit=1" download="entry-0.json"' in page

    with_runs(tmp_path, test)


def test_every_tab_opens_for_every_run(tmp_path: Path) -> None:
    """In progress, ended, without a store. Each has its name in the menu of tabs."""

    async def test(client: Client, url: str) -> None:
        runs = [await start(client, "test.sleep"), await start(client, "test.echo")]
        browser = await entered(client, url)
        for run in runs:
            for tab in TABS:
                page = await text_of(browser, f"/runs/{run}/{tab.name}".rstrip("/"))
                assert f'aria-current="page">{tab.label}' in page

    for name, store in (("with", True), ("without", False)):
        (tmp_path / name).mkdir(mode=0o700)
        with_runs(tmp_path / name, test, store=store)


def test_a_run_that_ends_while_its_page_is_made_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its waits are asked for after its status, and an ended run is refused then."""
    asked = Asker.ask

    async def ask(asker: Asker, request: Request, caller: Caller, kind: Any) -> Any:
        if isinstance(request, Why):
            raise IllegalTransition("cannot ask about the run: it has ended")
        return await asked(asker, request, caller, kind)

    monkeypatch.setattr(Asker, "ask", ask)

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        browser = await entered(client, url)
        assert 'data-ended="false"' in await text_of(browser, f"/runs/{run}")

    with_runs(tmp_path, test)


def test_every_tab_has_the_number_of_versions_of_a_run_that_is_soon_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A longer one has it once its context was looked at."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.published", to_the_end=True, inputs={"text": "b"})
        browser = await entered(client, url)
        count = '<span data-count="context">v3</span>'
        assert count in await text_of(browser, f"/runs/{run}/timeline")
        monkeypatch.setattr(run_head, "MAX_ENTRIES_COUNTED", 1)
        longer = await start(client, "test.published", to_the_end=True, inputs={"text": "c"})
        assert 'data-count="context"' not in await text_of(browser, f"/runs/{longer}")
        assert count in await text_of(browser, f"/runs/{longer}/context")
        assert count in await text_of(browser, f"/runs/{longer}")

    with_runs(tmp_path, test)
