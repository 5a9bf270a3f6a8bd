"""The pages of rules."""

from pathlib import Path

from stretto.actors.gateway.client import Client
from stretto.definitions.data import encode_json
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, text_of, with_runs

RULE = """
ref: "alerts/<b>"
on: {event: "<i>alert", when: "payload.n > 1"}
run: test.echo
description: DESCRIPTION
"""
PLACE = "/rules/alerts%2F%3Cb%3E"


def test_without_rules_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    async def test(client: Client, url: str) -> None:
        viewer = await entered(client, url, name="vic", role="viewer")
        assert "No rule yet" in await text_of(viewer, "/rules")
        restricted = await entered(client, url, name="eve", role="operator", workflows=["test.echo"])
        await text_of(restricted, "/rules", 403)
        await text_of(viewer, "/rules/nothing", 404)

    with_runs(tmp_path, test)


def test_rules_are_shown_disabled_and_enabled(tmp_path: Path) -> None:
    """Viewers see no forms. A ref may have slashes and marks of HTML."""
    files = {
        "rule": RULE.replace("DESCRIPTION", encode_json(HOSTILE).decode()),
        "off": "on: a\nrun: test.echo\nenabled: false\n",
    }

    async def test(client: Client, url: str) -> None:
        viewer = await entered(client, url, name="vic", role="viewer")
        page = await text_of(viewer, "/rules")
        assert f'<a href="{PLACE.replace("%2F", "/")}">alerts/&lt;b&gt;</a>' in page
        assert HOSTILE not in page
        one = await text_of(viewer, PLACE)
        assert "payload.n &gt; 1" in one
        assert "Disable" not in one
        assert HOSTILE not in one
        assert (await viewer.submit(f"{PLACE}/disable", csrf=viewer.csrf)).status == 403
        operator = await entered(client, url, name="olga", role="operator")
        assert "Disable" in await text_of(operator, PLACE)
        reply = await operator.submit(f"{PLACE}/disable", csrf=operator.csrf)
        assert (reply.status, reply.headers["location"]) == (303, PLACE.lower())
        assert "olga disabled it" in await text_of(operator, PLACE)
        assert "by olga" in await text_of(viewer, "/rules")
        await operator.submit(f"{PLACE}/enable", csrf=operator.csrf)
        assert "disabled it" not in await text_of(operator, PLACE)
        assert "Its file disables it" in await text_of(operator, "/rules/off")
        assert (await operator.submit("/rules/off/enable", csrf=operator.csrf)).status == 409
        assert (await operator.submit(f"{PLACE}/explode", csrf=operator.csrf)).status == 404

    with_runs(tmp_path, test, files=files)
