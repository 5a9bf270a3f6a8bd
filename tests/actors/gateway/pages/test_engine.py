"""The page of the daemon itself."""

import re
from pathlib import Path
from typing import Any

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.engine import UNKNOWN, figures_of
from stretto.actors.gateway.pages.sparklines import HEIGHT, WIDTH, sparkline
from stretto.actors.gateway.pages.words import short_duration
from stretto.metrics import get_logger
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, start, text_of, with_runs


def test_the_engine_shows_its_figures_against_their_limits(tmp_path: Path) -> None:
    """With the settings and the last warnings for an administrator only."""

    async def test(client: Client, url: str) -> None:
        await start(client, "test.sleep")
        get_logger("stretto.test").warning("something_odd", where=HOSTILE)
        admin = await text_of(await entered(client, url), "/engine")
        assert re.search(r'data-figure="runs_in_progress".*?<b>1</b> <span class="note">of 10', admin, re.DOTALL)
        assert "<h3>A commit of the journal</h3>" in admin
        assert "no samples yet" in admin
        assert "something_odd" in admin
        assert HOSTILE not in admin
        assert "max_items_in_flight" in admin
        viewer = await text_of(await entered(client, url, name="eve", role="viewer"), "/engine")
        assert "something_odd" not in viewer
        assert "max_items_in_flight" not in viewer
        assert "The log is for administrators." in viewer
        restricted = await entered(client, url, name="bob", role="admin", workflows=["test.echo"])
        await text_of(restricted, "/engine", 403)

    with_runs(tmp_path, test)


def test_a_figure_has_its_value_its_share_and_its_hour() -> None:
    """One that only samples have is that of the last sample that has it."""
    sample = {
        "at": "1970-01-01T00:01:40.000Z", "runs_in_progress": 1, "items_in_flight": 0, "items_per_second": None,
        "context_bytes": 0, "journal_pending_records": None, "transition_seconds": 0.0004, "commit_seconds": None,
    }  # fmt: skip
    later = sample | {"at": "1970-01-01T00:01:50.000Z", "runs_in_progress": 3, "transition_seconds": None}
    engine: dict[str, Any] = {
        "figures": {
            "runs_in_progress": 4, "items_in_flight": 512, "journal_pending_records": None, "context_bytes": 1_600_000,
        },
        "limits": {"runs_in_progress": 1000, "items_in_flight": 1024},
        "hour": {"samples": [sample, later]},
    }  # fmt: skip
    runs, items, rate, transition, commit, pending, context = figures_of(engine, 110.0)
    assert (runs.text, runs.limit, runs.share, runs.least, runs.most) == ("4", "1\u202f000", 0.4, "1", "3")
    assert (items.text, items.share, items.line is None) == ("512", 50.0, False)
    assert (transition.text, transition.line) == ("0.4 ms", None)
    assert (rate.text, commit.text, pending.text, context.text) == (UNKNOWN, UNKNOWN, UNKNOWN, "1 MB")


def test_a_line_stops_where_there_are_no_samples() -> None:
    """And begins again behind them. Without two samples that follow each other, there is none."""
    line = sparkline([(3600.0, 0.0), (3610.0, 5.0), (3700.0, 10.0), (3705.0, None)], 3710.0)
    assert line is not None
    assert (line.least, line.most) == (0.0, 10.0)
    assert [part[0] for part in re.findall(r"[ML][^ML]+", line.path)] == ["M", "L", "M"]
    assert re.findall(r"M174\.5 (\S+)L175\.0 (\S+)M179\.5 (\S+)", line.path) == [("35.0", "18.0", "1.0")]
    assert sparkline([(3600.0, 1.0), (3700.0, 1.0)], 3700.0) is None
    assert sparkline([(0.0, 1.0), (10.0, 1.0)], 3700.0) is None
    flat = sparkline([(0.0, 0.0), (10.0, 0.0)], 10.0)
    assert flat is not None
    assert flat.path.endswith(f"L{WIDTH:.1f} {HEIGHT - 1:.1f}")


def test_durations_are_short() -> None:
    """Also those of less than a millisecond."""
    assert [short_duration(seconds) for seconds in (0.000041, 0.0042, 0.5, 3.21)] == [
        "0.041 ms", "4.2 ms", "500 ms", "3.2 s",
    ]  # fmt: skip
