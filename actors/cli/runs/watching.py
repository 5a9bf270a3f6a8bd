"""`stretto runs watch`: follow a run until it ends."""

import sys
from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.runs.options import RUN, with_runs
from stretto.actors.cli.runs.source import Source
from stretto.actors.cli.support.exit_codes import FAILED, INTERRUPTED, USAGE, give_up
from stretto.actors.cli.support.printable import echo_json
from stretto.actors.cli.support.progress_option import PROGRESS
from stretto.actors.operations import Answer, Ended, Run, RunAnswer, Status, StatusAnswer

if TYPE_CHECKING:
    from stretto.actors.cli.progress.modes import Mode
    from stretto.actors.cli.progress.pace import Past
    from stretto.actors.cli.runs.daemon import DaemonRuns


@click.command()
@RUN
@PROGRESS
@with_runs
def watch(source: Source, *, run: str, progress: "Mode | None", as_json: bool) -> None:
    """Follow RUN until it ends. Exit with 0 if it succeeded, else with 1.

    A --store can only show the end of a run that has ended. Ctrl-C stops following; the run continues.

    With --json: a line for each change {"type": "progress", run, status, tasks}, then {"type": "outcome", run, status,
    output, errors, tasks}. Standard error then has no progress, unless --progress asks for it.
    """
    from stretto.actors.cli.outcomes import print_outcome
    from stretto.actors.cli.runs.daemon import DaemonRuns
    from stretto.actors.outcome import Outcome
    from stretto.definitions.data import list_of

    status = source.ask(Status(run), StatusAnswer).run
    if isinstance(source, DaemonRuns):
        ended = _follow(source, status, progress or ("none" if as_json else None), as_json=as_json)
    else:
        ended = _stored_end(source, status)
    if as_json:
        _print_line(ended)
    else:
        outcome = Outcome(ended.status, ended.output, list_of(ended.errors))
        print_outcome(run, status["workflow"], outcome, as_json=False)
    sys.exit(0 if ended.status == "succeeded" else FAILED)


def _follow(source: "DaemonRuns", status: dict[str, Any], mode: "Mode | None", *, as_json: bool) -> Ended:
    from stretto.actors.cli.progress.modes import watching
    from stretto.actors.cli.support.daemon_events import Interrupted, answers_and_interrupts
    from stretto.actors.operations import Progress, Watch
    from stretto.actors.runs import RunProgressed

    run = status["id"]
    with watching(mode, "WARNING") as view, answers_and_interrupts(source.client, Watch(run)) as next_event:
        if view.view is not None:
            view.view.tell(_past(source, run))
            # A daemon sends the present state to the first of several watchers only.
            view.view.tell(RunProgressed(run, status["status"], status["tasks"]))
        while True:
            event = next_event()
            if isinstance(event, Progress):
                if as_json:
                    _print_line(event)
                if view.view is not None:
                    view.view.tell(RunProgressed(event.run, event.status, event.tasks))
            elif isinstance(event, Ended):
                view.show_end({"id": event.run, "status": event.status, "tasks": event.tasks})
                return event
            elif isinstance(event, Interrupted):
                give_up(f"interrupted; the run {run} continues", INTERRUPTED)
            elif isinstance(event, Exception):
                raise event


def _past(source: Source, run: str) -> "Past":
    """Return the past of a run. A daemon without a store, or whose store is unavailable, does not know it."""
    from datetime import UTC, datetime

    from stretto.actors.cli.progress.pace import UNKNOWN_PAST, past_of
    from stretto.actors.gateway import RequestRefused

    try:
        return past_of(source.ask(Run(run), RunAnswer).run, datetime.now(UTC))
    except RequestRefused:
        return UNKNOWN_PAST


def _stored_end(source: Source, status: dict[str, Any]) -> Ended:
    run = source.ask(Run(status["id"]), RunAnswer).run
    if run["ended_at"] is None:
        give_up(f"the run {run['id']} has not ended: use --daemon URL instead of --store to follow it", USAGE)
    return Ended(run["id"], run["status"], run["output"], run["errors"], status["tasks"])


def _print_line(answer: Answer) -> None:
    echo_json(answer)
    sys.stdout.flush()
