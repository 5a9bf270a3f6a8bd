"""What a live view draws."""

import io
import re

import pytest

from stretto.actors.cli.progress.live import MAX_TASKS, draw
from stretto.actors.cli.progress.pace import Stopwatch
from stretto.actors.cli.support.terminal import Look, console_of
from stretto.actors.runs import RunProgressed
from tests.support.progress import RUN_ID, progress, task

WIDE = Look(columns=120, rows=40)


def drawn(told: RunProgressed, look: Look = WIDE, seconds: float = 2.0) -> list[str]:
    """Return the lines after some seconds in which the items of the report ended."""
    stopwatch = Stopwatch(0.0)
    for name, each in told.tasks.items():
        if each["status"] == "running":
            stopwatch.look_at(progress(**{name: task()}), 0.0)
    stopwatch.look_at(told, 0.0 if all(each["status"] != "running" for each in told.tasks.values()) else seconds)
    stopwatch.move_to(seconds)
    return [line.plain for line in draw(told, stopwatch, look)]


CHECKS = progress(load=task("succeeded", 1, total=1), check=task(done=498, failed=2), report=task("not_started"))


def test_a_line_tells_a_tasks_items_failures_rate_estimate_and_time() -> None:
    """Tasks that have not started have no line; the summary has the run's id, time and estimate."""
    assert drawn(CHECKS) == [
        "+ load   succeeded        1/1                             0.0 s",
        "> check  running    500/1,000  2 failed  250/s  2 s left  2.0 s  ###############...............",
        f"running: 1 of 3 tasks ended  2.0 s  at least 2 s left  run {RUN_ID}",
    ]


def test_a_narrow_terminal_keeps_the_counts() -> None:
    """The bar goes first, then the rate, then the words of statuses, whose signs stay; the id has its last digits."""
    assert drawn(CHECKS, Look(60, 20)) == [
        "+ load   succeeded        1/1                      0.0 s",
        "> check  running    500/1,000  2 failed  2 s left  2.0 s",
        "running: 1/3 tasks  2.0 s  at least 2 s left  run caf7b56d",
    ]
    assert drawn(CHECKS, Look(30, 20)) == [
        "+ load         1/1",
        "> check  500/1,000  2 failed",
        "running: 1/3 tasks  2.0 s  ru",
    ]


def test_items_are_counted_while_nobody_knows_how_many_there_are() -> None:
    """As long as they are being read from a file: there is no bar, and no estimate."""
    line, summary = drawn(progress(load=task(done=500, total=None)))
    assert line == "> load  running  500  250/s  2.0 s"
    assert summary == f"running: 0 of 1 task ended  2.0 s  run {RUN_ID}"


def test_a_long_list_keeps_what_runs_and_what_failed() -> None:
    """The rest is counted, the order stays the file's."""
    tasks = {f"t{number}": task("succeeded") for number in range(30)} | {"bad": task("failed"), "now": task()}
    lines = drawn(progress(**tasks))
    assert len(lines) == MAX_TASKS + 2
    assert lines[-2] == "  ... 12 more"
    assert [line.split()[1] for line in lines[-4:-2]] == ["bad", "now"]
    small = drawn(progress(**tasks), Look(columns=80, rows=6))
    assert [line.split()[1] for line in small[:3]] == ["t0", "bad", "now"]
    assert len(small) < 6


@pytest.mark.parametrize("columns", [1, 2, 10, 20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("name", ["x" * 50, "\u6f22\u5b57" * 20, "e\u0301" * 40])
def test_no_line_is_wider_than_the_terminal(columns: int, name: str) -> None:
    """Wide characters take two columns, accents none."""
    stopwatch = Stopwatch(0.0)
    stopwatch.look_at(progress(**{name: task()}), 0.0)
    told = progress(**{name: task(done=500, failed=3)})
    stopwatch.look_at(told, 3.0)
    for line in draw(told, stopwatch, Look(columns, rows=40, unicode=True)):
        assert line.cell_len < max(columns, 2)


def test_a_parallel_tasks_fork_has_no_line() -> None:
    """Nobody wrote it."""
    told = progress(**{"both.fork": task("succeeded"), "both": task()})
    assert drawn(told)[-1].startswith("running: 0 of 1 task ended")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31mred", "> ?[31mred  "),
        ("[red]red[/red]", "> [red]red[/red]  "),
        (":smile:", "> :smile:  "),
        ("a\x9b2Jb", "> a?2Jb  "),
        ("a\rb\n\x07", "> a b ?  "),
        ("\u202etxt", "> ?txt  "),
    ],
)
def test_a_name_is_neither_a_command_nor_markup(name: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the codes that reach the terminal, none are the name's."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stopwatch = Stopwatch(0.0)
    stream = io.StringIO()
    told = progress(**{name: task()})
    stopwatch.look_at(told, 0.0)
    for line in draw(told, stopwatch, WIDE):
        console_of(stream, WIDE).print(line)
    assert "\x1b[38;5;31m" in stream.getvalue()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert plain.startswith(shown)
    assert plain.replace("\n", "").isprintable()


def test_colours_are_never_the_only_sign() -> None:
    """Each status has its word, and on a narrow terminal its symbol."""
    told = progress(a=task("failed", 1, 1), b=task("succeeded", 2, total=2), c=task("cancelled"), d=task())
    for look in (WIDE, Look(30, 20)):
        signs = [line.split()[0] for line in drawn(told, look)[:4]]
        assert signs == ["x", "+", "-", ">"]
