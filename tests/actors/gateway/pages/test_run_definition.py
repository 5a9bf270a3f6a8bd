"""The definition of a run, as a browser without script gets it."""

import re
from pathlib import Path

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.run_definition import lines_of_tasks
from tests.actors.gateway.pages.test_runs import entered, start, text_of, with_runs

NATIVE = """ref: a.b
# name: first stands in a comment, too
tasks:
  - name: first
    next: [{do: [second]}]
  - {action: x.y, name: "second", input: {first: 1}}
  - action: x.y
    name: third  # the last one
"""
ORQUESTA = """version: 1.0
tasks:
  first:
    action: x.y
  'second one': {action: x.y}
"""


def test_each_line_has_a_place_and_each_task_its_counts(tmp_path: Path) -> None:
    """The text is that of the run, with the defaults of secrets masked."""

    async def test(client: Client, url: str) -> None:
        items = await start(client, "test.items", to_the_end=True)
        echo = await start(client, "test.echo", to_the_end=True)
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{items}/definition")
        assert '<li id="L3"' in page
        assert "4 ended, 2 failed" in page
        assert f'href="/runs/{items}?task=each"' in page
        assert re.search(r'<a href="/definitions/test\.items">', page)
        assert "hush-hush" not in await text_of(browser, f"/runs/{echo}/definition")

    with_runs(tmp_path, test)


def test_the_lines_of_tasks_are_those_of_their_names() -> None:
    """In both dialects. A name that stands nowhere has no line."""
    assert lines_of_tasks(NATIVE, ["second", "third", "none"]) == {"second": 6, "third": 8}
    assert lines_of_tasks(ORQUESTA, ["first", "second one"]) == {"first": 3, "second one": 5}
