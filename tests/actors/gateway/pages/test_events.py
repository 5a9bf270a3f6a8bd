"""The pages of events."""

import asyncio
from pathlib import Path
from typing import Any

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.events import SHOWN_BYTES
from stretto.actors.operations import events
from tests.actors.gateway.http.test_hooks import bearer, post
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, text_of, with_runs

FILES = {
    "hook": "hook: alert\nsecret: {file: ../secret}\n",
    "rule": "ref: high\non: {event: alert, when: 'payload.n > 1'}\nrun: test.echo\n",
    "other": "ref: low\non: {event: alert, when: 'payload.n <= 1'}\nrun: test.echo\n",
    "broken": "ref: broken\non: alert\nrun: test.echo\ninput: {text: '{{ payload.nothing }}'}\n",
    "due": "ref: due\nschedule: {at: '2999-01-01'}\nrun: test.echo\n",
}


def test_without_events_the_page_says_who_sends_them(tmp_path: Path) -> None:
    async def test(client: Client, url: str) -> None:
        viewer = await entered(client, url, name="vic", role="viewer")
        assert "No event yet" in await text_of(viewer, "/events")
        assert "No event matches" in await text_of(viewer, "/events?type=a&source=b&answered=yes&since=1h")
        for query in ("answered=maybe", "since=ever", "typ=a", "type=" + "a" * 300):
            await text_of(viewer, f"/events?{query}", 400)
        for page in ("/events?since=24", "/audit?since=24", "/inquiries?status=pendng", "/?priority=hihg"):
            assert "did you mean" in await text_of(viewer, page, 400)
        await text_of(viewer, "/events?cursor=nonsense", 422)
        await text_of(viewer, "/events/evt-none", 404)
        restricted = await entered(client, url, name="eve", role="operator", workflows=["test.echo"])
        await text_of(restricted, "/events", 403)

    with_runs(tmp_path, test)


def test_an_event_is_found_and_says_which_rules_have_answered_and_why_others_have_not(tmp_path: Path) -> None:
    """It is replayed by an operator."""
    (tmp_path / "secret").write_text("a-token-of-a-hook")

    async def test(client: Client, url: str) -> None:
        body = b'{"n": 2, "text": "<script>alert(1)</script>"}'
        sent = (await post(url, "alert", body, **bearer())).json["event"]
        viewer = await entered(client, url, name="vic", role="viewer")
        for query in ("", "?type=alert&source=hook%3Aalert&answered=yes&since=24h"):
            assert sent in await text_of(viewer, f"/events{query}")
        assert sent not in await text_of(viewer, "/events?answered=no")
        page = await text_of(viewer, f"/events/{sent}")
        assert HOSTILE not in page
        assert "<script>alert" not in page
        assert "no run" in page
        assert page.index("Why others have not") < page.index('href="/rules/low"')
        assert "payload.n &lt;= 1" in page
        assert "Replay" not in page
        assert (await viewer.submit(f"/events/{sent}/replay", csrf=viewer.csrf)).status == 403
        assert sent in await text_of(viewer, "/rules/high")
        operator = await entered(client, url, name="olga", role="operator")
        assert "Replay" in await text_of(operator, f"/events/{sent}")
        reply = await operator.submit(f"/events/{sent}/replay", csrf=operator.csrf)
        assert reply.status == 303
        assert f"replay:{sent}" in await text_of(operator, reply.headers["location"])

    with_runs(tmp_path, test, files=FILES)


def test_a_large_payload_is_not_shown(tmp_path: Path) -> None:
    """The page leads to the API, which has all of it. A due time has no replay."""
    (tmp_path / "secret").write_text("a-token-of-a-hook")

    async def test(client: Client, url: str) -> None:
        body = b'"' + b"x" * SHOWN_BYTES + b'"'
        sent = (await post(url, "alert", body, **bearer())).json["event"]
        operator = await entered(client, url, name="olga", role="operator")
        page = await text_of(operator, f"/events/{sent}")
        assert f'href="/api/v1/events/{sent}"' in page
        assert len(page) < SHOWN_BYTES
        await operator.submit("/schedules/due/trigger", csrf=operator.csrf)
        due: Any = await asyncio.to_thread(client.ask, events.Events("stretto.schedule"))
        place = f"/events/{due.events[0]['event']}"
        assert "Replay" not in await text_of(operator, place)
        assert (await operator.submit(f"{place}/replay", csrf=operator.csrf)).status == 409

    with_runs(tmp_path, test, files=FILES)
