"""`stretto schedules` of a daemon: the commands of docs/schedules.md."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors import ScheduleDisabled, UnknownSchedule, connect
from stretto.actors.cli import main
from tests.support.gateways import opened_gateway
from tests.support.paths import DOCS

WORK = """
ref: ops.report
version: "1"
parameters: {day: {type: string}}
tasks: [{name: say, action: core.echo, input: {message: "{{ parameters.day }}"}}]
"""


def schedules(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["schedules", *arguments])
    assert result.exit_code == code, result.output
    return result


def example() -> str:
    """Return the first example of the page."""
    return (DOCS / "schedules.md").read_text().split("```yaml\n")[1].split("```")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "definitions"
    path.mkdir()
    (path / "work.yaml").write_text(WORK)
    (path / "nightly.yaml").write_text(example())
    (path / "off.yaml").write_text("schedule: {every: 60}\nrun: ops.report\ninput: {day: x}\nenabled: false\n")
    return path


def test_the_commands_of_the_page(tmp_path: Path, folder: Path) -> None:
    with opened_gateway(tmp_path, definitions=folder) as opened:
        daemon = ("--daemon", opened.client.url)
        heading, off, nightly = sorted(schedules("list", *daemon).stdout.splitlines())
        assert heading.split() == ["SCHEDULE", "STATUS", "TIMING", "ZONE", "NEXT", "LAST", "RUN"]
        assert nightly.split()[:2] == ["ops.nightly", "active"]
        assert off.split() == ["off", "disabled", "every", "60", "s", "UTC", "-", "-"]
        shown = schedules("show", "ops.nightly", *daemon).stdout
        assert "missed: one, overlap: skip" in shown
        assert "cron 0 3 * * *  Europe/Berlin, jitter 30 s" in shown
        times = schedules("next", "ops.nightly", "--count", "2", "--after", "2026-03-28", *daemon).stdout
        assert times.splitlines() == ["2026-03-28T03:00:00+01:00", "2026-03-29T03:00:00+02:00"]
        assert "paused" in schedules("pause", "ops.nightly", "--note", "the warehouse moves", *daemon).stdout
        run = schedules("trigger", "ops.nightly", *daemon).stdout.strip()
        assert json.loads(schedules("resume", "ops.nightly", "--json", *daemon).stdout)["last_run"] == run
        engine = connect(opened.client.url).blocking()
        assert engine.schedule("ops.nightly")["status"] == "active"
        assert len(engine.schedule_times("ops.nightly", count=7)) == 7
        assert engine.trigger_schedule("ops.nightly")["run"] != run
        entries = engine.audit()["entries"]
        assert [each["operation"] for each in entries[::-1]] == [
            "pause_schedule", "trigger_schedule", "resume_schedule", "trigger_schedule",
        ]  # fmt: skip
        assert entries[-1]["note"] == "the warehouse moves"


def test_mistakes_are_refused(tmp_path: Path, folder: Path) -> None:
    with opened_gateway(tmp_path, definitions=folder) as opened:
        daemon = ("--daemon", opened.client.url)
        assert "did you mean 'ops.nightly'?" in schedules("show", "ops.nightli", *daemon, code=2).output
        assert "Invalid value for '--count'" in schedules("next", "off", "--count", "0", *daemon, code=2).output
        engine = connect(opened.client.url).blocking()
        with pytest.raises(UnknownSchedule, match=r"there is no schedule 'ops\.nightli'"):
            engine.pause_schedule("ops.nightli")
        with pytest.raises(ScheduleDisabled, match="the schedule 'off' is disabled"):
            engine.trigger_schedule("off")


def test_a_date_that_has_passed_is_never_due_again(tmp_path: Path, folder: Path) -> None:
    (folder / "once.yaml").write_text("schedule: {at: '2020-01-01'}\nrun: ops.report\ninput: {day: x}\n")
    with opened_gateway(tmp_path, definitions=folder) as opened:
        result = schedules("next", "once", "--daemon", opened.client.url)
        assert (result.stdout, result.stderr) == ("", "once is never due again\n")
