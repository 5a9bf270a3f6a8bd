"""The overview of a run, as a browser without script gets it."""

import re
import sys
from pathlib import Path

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages import item_states, overview
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, start, text_of, with_runs


def test_a_failed_run_opens_on_its_first_failed_item(tmp_path: Path) -> None:
    """With the line of the definition, the items next to it, and a rerun of those that failed like it."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{run}")
        assert '<h2 id="item-h">Item 2</h2>' in page
        assert "<mark>{{ 1 / item }}" in page
        assert "test.items.yaml:3</" in page
        assert 'data-item="2"' in page
        assert "/input" not in page, "it failed when its input was rendered"
        fine = await text_of(browser, f"/runs/{run}?task=each&item=0")
        assert f'href="/api/v1/runs/{run}/tasks/each/items/0/input"' in fine
        assert f'data-key="j" href="/runs/{run}?task=each&amp;item=3"' in page
        assert re.search(rf'href="/runs/{run}/rerun\?error_group=[0-9a-f]+"', page)
        closed = await text_of(browser, f"/runs/{run}?task=each")
        assert 'id="item-h"' not in closed
        assert '<h2 id="item-h">Item 0</h2>' in await text_of(browser, f"/runs/{run}?task=each&item=0")
        viewer = await entered(client, url, name="eve", role="viewer")
        assert "error_group" not in await text_of(viewer, f"/runs/{run}")

    with_runs(tmp_path, test)


def test_a_group_of_failures_filters_the_items(tmp_path: Path) -> None:
    """Of the table, the map, and the items next to the one that is shown."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{run}")
        found = re.search(r"task=each&amp;item=2&amp;group=([0-9a-f]+)", page)
        assert found is not None
        shown = await text_of(browser, f"/runs/{run}?task=each&item=2&group={found[1]}&view=table")
        assert re.findall(r">(\d+)</a></th>", shown) == ["2", "3"]
        assert 'data-key="k"' not in shown
        assert f'href="/runs/{run}?task=each&amp;item=2&amp;view=table"' in shown  # without the group
        mapped = await text_of(browser, f"/runs/{run}?task=each&group={found[1]}")
        assert f'data-group="/api/v1/runs/{run}/errors/{found[1]}/items"' in mapped
        assert "No item." in await text_of(browser, f"/runs/{run}?task=each&group=none&view=table")

    with_runs(tmp_path, test)


def test_an_operator_reruns_or_retries_the_item(tmp_path: Path) -> None:
    """What the item and the role allow."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        link = f"/runs/{run}/rerun?task=each&amp;item=2"
        assert link in await text_of(browser, f"/runs/{run}")
        assert (await browser.open(link.replace("&amp;", "&"))).status == 200
        viewer = await entered(client, url, name="eve", role="viewer")
        assert link not in await text_of(viewer, f"/runs/{run}")

    with_runs(tmp_path, test)


def test_the_table_has_the_items_of_the_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in the page without script, and in place of the map if the address says so."""
    monkeypatch.setattr(item_states, "ROWS", 1)

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)

        def rows(page: str) -> list[str]:
            return re.findall(r"item=(\d+)[^\"]*\">\d+</a></th>", page)

        page = await text_of(browser, f"/runs/{run}?task=each&state=failed")
        assert rows(re.search("<noscript>.*</noscript>", page, re.DOTALL)[0]) == ["2"]  # type: ignore[index]
        assert 'data-state="failed"' in page
        table = await text_of(browser, f"/runs/{run}?task=each&state=failed&view=table&first=3")
        assert rows(table) == ["3"]
        assert 'id="map"' not in table
        assert "No item is running." in await text_of(browser, f"/runs/{run}?task=each&state=running")
        for wrong, status in (("task=eech", 404), ("state=late", 400), ("item=-1", 400), ("itm=1", 400)):
            await text_of(browser, f"/runs/{run}?{wrong}", status)

    with_runs(tmp_path, test)


def test_a_task_that_has_not_begun_or_is_not_known_says_so(tmp_path: Path) -> None:
    """And so does an item."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{run}?task=sleep&item=2")
        assert "This item has not begun." in page
        assert "/input" not in page
        assert "a second" in page
        running = await text_of(browser, f"/runs/{run}?task=sleep&item=1")
        assert f'data-follow="/api/v1/runs/{run}/tasks/sleep/items/1/output?follow=1"' in running

    with_runs(tmp_path, test)


def test_data_are_never_markup(tmp_path: Path) -> None:
    """Neither in results, nor in texts for the script."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.echo", to_the_end=True, inputs={"text": HOSTILE}, labels={"a": HOSTILE[:20]})
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{run}")
        assert HOSTILE[:8] not in page
        assert 'data-tasks="[&#34;echo&#34;]"' in page
        assert "hello" in page

    with_runs(tmp_path, test)


def test_many_tasks_are_listed_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says how many it leaves out."""
    monkeypatch.setattr(overview, "MOST_LISTED", 0)

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.echo", to_the_end=True)
        browser = await entered(client, url)
        assert "1 more task is not listed here." in await text_of(browser, f"/runs/{run}")

    with_runs(tmp_path, test)


def test_without_a_store_the_page_shows_what_the_engine_knows(tmp_path: Path) -> None:
    """The tasks and their items."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{run}?item=0")
        assert "of 3 ended" in page
        assert 'class="node running' in page

    with_runs(tmp_path, test, store=False)


def test_the_items_show_their_values(tmp_path: Path) -> None:
    """In the table and on the panel, once they have started: secrets are known then."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        table = await text_of(browser, f"/runs/{run}?task=each&view=table")
        assert re.findall(r'<td class="c-item mono">([^<]*)</td>', table) == ["1", "2", "0", "0"]
        assert '<pre tabindex="0" aria-label="Value of the item">2</pre>' in await text_of(
            browser, f"/runs/{run}?task=each&item=1"
        )
        waiting = await start(client, "test.sleep")
        table = await text_of(browser, f"/runs/{waiting}?task=sleep&view=table")
        assert re.findall(r'<td class="c-item mono">([^<]*)</td>', table) == ["1", "2", ""]
        assert "Value of the item" not in await text_of(browser, f"/runs/{waiting}?task=sleep&item=2")

    with_runs(tmp_path, test)


def test_the_items_of_a_file_show_their_lines_or_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the table and on the panel."""
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("web-1\nweb-2\n")
    task = f"{{name: probe, action: core.noop, with_items: {{lines: {hosts}}}}}"
    definition = f'version: "1.0.0"\nref: test.file\ntasks: [{task}]\n'

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.file", to_the_end=True)
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{run}?task=probe&item=1")
        assert "&#34;web-2&#34;</pre>" in page
        monkeypatch.setattr(sys.modules["stretto.actors.history.item_values"], "MAX_CHUNKS", 0)
        again = await start(client, "test.file", to_the_end=True)
        page = await text_of(browser, f"/runs/{again}?task=probe&item=1")
        assert "Its value is not shown: the items of &#39;probe&#39; from 0 on" in page

    with_runs(tmp_path, test, files={"test.file": definition})
