"""The page of schedules."""

from pathlib import Path

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.schedules import policies_of
from tests.actors.gateway.pages.test_runs import entered, text_of, with_runs


def test_without_schedules_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    async def test(client: Client, url: str) -> None:
        viewer = await entered(client, url, name="vic", role="viewer")
        assert "No schedule yet" in await text_of(viewer, "/schedules")
        assert "did you mean" not in await text_of(viewer, "/schedules?x=1", 400)
        restricted = await entered(client, url, name="eve", role="operator", workflows=["test.echo"])
        await text_of(restricted, "/schedules", 403)

    with_runs(tmp_path, test)


def test_policies_are_words() -> None:
    schedule = {"missed_policy": "one", "overlap_policy": "skip", "jitter": 30}
    assert policies_of(schedule) == ("one run for missed times; skipped while a run is in progress, up to 30 s later")
    schedule = {"missed_policy": "all up to 5", "overlap_policy": "allow", "jitter": 0}
    assert policies_of(schedule) == "missed: all up to 5; runs may overlap"
