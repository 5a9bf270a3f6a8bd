"""The page of the audit."""

import asyncio
from pathlib import Path

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages import audit
from stretto.actors.gateway.pages.audit import Linked, linked
from stretto.actors.operations import Cancel, Pause
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, start, text_of, with_runs


def test_the_audit_says_who_did_what_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its filters and its place are in its address."""
    monkeypatch.setattr(audit, "ROWS", 2)

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        await asyncio.to_thread(client.ask, Pause(run, note=HOSTILE))
        await asyncio.to_thread(client.ask, Cancel(run))
        browser = await entered(client, url, name="ada", role="admin")
        first = await text_of(browser, "/audit?since=1h")
        assert first.index("Create token") < first.index("Cancel")
        assert HOSTILE not in first
        older = first.partition('<p class="pager"><a href="')[2].partition('"')[0].replace("&amp;", "&")
        assert older.startswith("/audit?since=1h&cursor=")
        second = await text_of(browser, older)
        assert "Pause" in second
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;" in second
        assert f'<a class="mono" href="/runs/{run}" title="{run}">' in second
        assert "← the newest entries" in second
        assert "No change matches" in await text_of(browser, "/audit?who=nobody%3Cscript%3E")
        await text_of(browser, "/audit?since=2h", 400)
        await text_of(browser, "/audit?cursor=nonsense", 422)
        assert "did you mean" in await text_of(browser, "/audit?whom=ada", 400)

    with_runs(tmp_path, test)


def test_the_audit_is_for_administrators(tmp_path: Path) -> None:
    """Others have no link to it, and are refused."""

    async def test(client: Client, url: str) -> None:
        operator = await entered(client, url, name="bob", role="operator")
        assert 'href="/audit"' not in await text_of(operator, "/")
        await text_of(operator, "/audit", 403)
        restricted = await entered(client, url, name="eve", role="admin", workflows=["test.echo"])
        assert 'href="/audit"' not in await text_of(restricted, "/actions")
        await text_of(restricted, "/audit", 403)

    with_runs(tmp_path, test)


def test_a_text_that_names_a_run_leads_to_it() -> None:
    """Other texts are as they are."""
    run = "01999999-aaaa-7bbb-8ccc-0123456789ab"
    assert linked(f"run {run} a 3") == Linked("run ", run, " a 3")
    assert linked("done <b>") == Linked("done <b>", "", "")
