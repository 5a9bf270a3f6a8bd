"""The counts of the menu: in each page, and for a page that asks."""

import json
from pathlib import Path

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.menu import short_number
from tests.actors.gateway.pages.test_runs import entered, text_of, with_runs

NAMES = ("inquiries", "schedules", "rules", "events", "sensors", "failing")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, ""), (1, "1"), (999, "999"), (1000, "1.0k"), (1999, "1.9k"), (12_345, "12k"), (999_999, "999k"),
        (1_000_000, "1.0M"), (34_567_890, "34M"), (1_200_000_000, "1.2G"), (10**13, "10000G"),
    ],
)  # fmt: skip
def test_numbers_are_short(number: int, text: str) -> None:
    assert short_number(number) == text


def test_the_menu_counts_what_is_there(tmp_path: Path) -> None:
    """A token that sees some workflows gets no counts, as it has no such entries in its menu."""
    files = {
        "greet": "on: greeted\nrun: test.echo\n",
        "off": "on: greeted\nrun: test.echo\nenabled: false\n",
        "nightly": "schedule: {at: '2999-01-01'}\nrun: test.echo\n",
    }

    async def test(client: Client, url: str) -> None:
        viewer = await entered(client, url, name="vic", role="viewer")
        page = await text_of(viewer, "/")
        assert 'data-menu="rules" title="enabled"><span>1</span>' in page
        assert 'data-menu="sensors" title="running" hidden' in page
        counts = json.loads(await text_of(viewer, "/menu"))
        assert counts == dict.fromkeys(NAMES, "") | {"rules": "1", "schedules": "1"}
        restricted = await entered(client, url, name="eve", role="operator", workflows=["test.echo"])
        assert json.loads(await text_of(restricted, "/menu")) == dict.fromkeys(NAMES, "")
        assert "data-menu" not in await text_of(restricted, "/")

    with_runs(tmp_path, test, files=files)
