"""The page of schedules."""

from pathlib import Path

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.schedules import policies_of
from stretto.definitions.data import encode_json
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, text_of, with_runs

PLACE = "/schedules/nightly%20%3Cb%3E"


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


def test_schedules_are_shown_and_changed_by_forms(tmp_path: Path) -> None:
    """Viewers see no forms. A trigger leads to its run."""
    text = encode_json(
        {
            "ref": "nightly <b>", "schedule": {"at": "2999-01-01", "overlap": "skip"}, "run": "test.echo",
            "description": HOSTILE,
        }
    ).decode()  # fmt: skip

    async def test(client: Client, url: str) -> None:
        viewer = await entered(client, url, name="vic", role="viewer")
        page = await text_of(viewer, "/schedules")
        assert "nightly &lt;b&gt;" in page
        assert HOSTILE not in page
        assert "2999-01-01 00:00" in page
        assert "Run now" not in page
        assert (await viewer.submit(f"{PLACE}/pause", csrf=viewer.csrf)).status == 403
        operator = await entered(client, url, name="olga", role="operator")
        assert "Run now" in await text_of(operator, "/schedules")
        for act, shown in (("pause", "Paused"), ("resume", "Active")):
            reply = await operator.submit(f"{PLACE}/{act}", csrf=operator.csrf)
            assert (reply.status, reply.headers["location"]) == (303, "/schedules")
            assert shown in await text_of(operator, "/schedules")
        reply = await operator.submit(f"{PLACE}/trigger", csrf=operator.csrf)
        assert reply.headers["location"].startswith("/runs/")
        assert "1 started" in await text_of(operator, "/schedules")
        assert (await operator.submit(f"{PLACE}/explode", csrf=operator.csrf)).status == 404
        assert (await operator.submit("/schedules/nothing/pause", csrf=operator.csrf)).status == 404

    with_runs(tmp_path, test, files={"nightly": text})
