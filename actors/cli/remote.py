"""`stretto run --daemon`: run a workflow in a daemon, and report its outcome as a local run."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click

from stretto.actors.cli.inputs import inputs_of
from stretto.actors.cli.outcomes import print_outcome
from stretto.actors.cli.progress.modes import Mode, Watching, watching
from stretto.actors.cli.support.client_tokens import client_of
from stretto.actors.cli.support.daemon_events import Interrupted, answers_and_interrupts
from stretto.actors.cli.support.error_exits import exiting_on_errors
from stretto.actors.cli.support.exit_codes import FAILED, INTERRUPTED, USAGE, give_up
from stretto.actors.cli.support.printable import echo_lines
from stretto.actors.gateway import Client, DaemonUnreachable, RequestRefused
from stretto.actors.locating import is_path, may_be_ref
from stretto.actors.operations import Accepted, Cancel, Definition, Describe, Described, Ended, Progress, Submit
from stretto.actors.outcome import Outcome
from stretto.actors.runs import RunProgressed
from stretto.actors.text_files import read_text
from stretto.definitions.data import list_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command line's arguments."""

    workflow: str
    assignments: tuple[str, ...]
    inputs: str | None
    as_json: bool
    detach: bool
    progress: Mode | None
    log_level: str | None
    idempotency_key: str | None = None
    labels: dict[str, str] | None = None
    note: str | None = None
    priority: str | None = None


def run_at_daemon(url: str, token_file: str | None, wanted: Wanted) -> NoReturn:
    """Run a workflow in the daemon at `url`, and exit as `stretto run` does."""
    try:
        with exiting_on_errors():
            code = _run(client_of(url, token_file), wanted)
    except click.UsageError as error:
        give_up(error.format_message(), USAGE)
    except KeyboardInterrupt:
        give_up("interrupted", INTERRUPTED)
    sys.exit(code)


def _run(client: Client, wanted: Wanted) -> int:
    workflow = named_or_read(wanted.workflow)
    types = {}
    if wanted.assignments:
        described = client.ask(Describe(workflow))
        types = described.parameters if isinstance(described, Described) else {}
    inputs = inputs_of(types, wanted.inputs, wanted.assignments)
    submit = Submit(
        workflow, inputs, idempotency_key=wanted.idempotency_key, labels=wanted.labels, note=wanted.note,
        priority=wanted.priority,
    )  # fmt: skip
    if wanted.detach:
        accepted = client.ask(submit)
        if not isinstance(accepted, Accepted):
            raise DaemonUnreachable(f"the daemon at {client.url} sent an unexpected answer: {accepted!r:.100}")
        echo_lines(accepted.run)
        return 0
    with watching(wanted.progress, wanted.log_level) as view:
        accepted, ended, interrupted = _follow(client, submit, view)
    if interrupted:
        raise KeyboardInterrupt
    outcome = Outcome(ended.status, ended.output, list_of(ended.errors))
    print_outcome(accepted.run, accepted.workflow, outcome, as_json=wanted.as_json)
    return 0 if outcome.status == "succeeded" else FAILED


def _follow(client: Client, request: Submit, view: Watching) -> tuple[Accepted, Ended, bool]:
    """Submit a run and wait for its end. Ctrl-C cancels the run; the last value says whether it was pressed."""
    accepted: Accepted | None = None
    interrupted = False
    with answers_and_interrupts(client, request) as next_event:
        while True:
            event = next_event()
            if isinstance(event, Accepted):
                accepted = event
                if interrupted:
                    _cancel(client, event.run)
            elif isinstance(event, Progress) and view.view is not None:
                view.view.tell(RunProgressed(event.run, event.status, event.tasks))
            elif isinstance(event, Ended) and accepted is not None:
                view.show_end({"id": event.run, "status": event.status, "tasks": event.tasks})
                return accepted, event, interrupted
            elif isinstance(event, Interrupted):
                if interrupted:
                    raise KeyboardInterrupt
                interrupted = True
                view.say("cancelling the run; press Ctrl-C again to leave at once")
                if accepted is not None:
                    _cancel(client, accepted.run)
            elif isinstance(event, Exception):
                raise _with_run(event, accepted)


def _with_run(error: Exception, accepted: Accepted | None) -> Exception:
    """Return an error, with the id of the accepted run if the daemon is gone, so that the run can be found again."""
    if accepted is None or not isinstance(error, DaemonUnreachable):
        return error
    return DaemonUnreachable(f"{error}; `stretto runs watch {accepted.run}` follows the accepted run")


def _cancel(client: Client, run: str) -> None:
    try:
        client.ask(Cancel(run))
    except RequestRefused as error:
        if error.refusal.code != "illegal_transition":  # the run has ended meanwhile
            raise


def named_or_read(workflow: str) -> str | Definition:
    """Return a ref as it is, and a file as its text: the daemon does not open clients' paths."""
    if not is_path(workflow) or may_be_ref(workflow):
        return workflow
    try:
        return Definition(workflow, read_text(Path(workflow)))
    except OSError as error:
        raise click.UsageError(f"cannot read the workflow {workflow!r}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{workflow} must be UTF-8 text: byte {error.start} cannot be decoded") from None
