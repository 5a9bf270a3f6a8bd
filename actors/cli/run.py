"""`stretto run`: runs a workflow in this process, and prints its output."""

import errno
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from stretto.actors.cli.completion import complete_workflow
from stretto.actors.cli.findings import give_up_with_findings
from stretto.actors.cli.inputs import inputs_of, labels_of
from stretto.actors.cli.outcomes import print_outcome
from stretto.actors.cli.support.action_options import (
    ACTIONS,
    DEFINITIONS,
    KEYSTORE,
    PACK_CONFIG,
    PACKS,
    artifacts,
    expression_limits,
    packs_user,
    rendered_commands,
)
from stretto.actors.cli.support.asked_daemon import is_of_this_machine, named_daemon
from stretto.actors.cli.support.choices import Choice
from stretto.actors.cli.support.client_tokens import DAEMON_VARIABLE, TOKEN_FILE
from stretto.actors.cli.support.exit_codes import FAILED, INTERRUPTED, USAGE, give_up
from stretto.actors.cli.support.progress_option import PROGRESS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from stretto.actors.cli.progress.modes import Mode, Watching
    from stretto.actors.outcome import Outcome, RunHandle

STOP_SECONDS = 2.0
"""How long a run that was interrupted twice may take to stop its actions."""


@click.command()
@click.argument("workflow", required=False, shell_complete=complete_workflow)
@click.argument("assignments", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--inputs", metavar="FILE|-", help="Read inputs from a JSON or YAML file, or JSON from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print one object: run, workflow, status, output, errors.")
@DEFINITIONS
@ACTIONS
@PACKS
@PACK_CONFIG
@KEYSTORE
@click.option(
    "--daemon", metavar="URL",
    help="Submit the run to the daemon at unix:///PATH or http://HOST:PORT. [default: $STRETTO_DAEMON for a ref]",
)  # fmt: skip
@TOKEN_FILE
@click.option("--detach", is_flag=True, help="With --daemon: print the accepted run's id and exit.")
@click.option("--store", metavar="URL", help="Keep the run in the store at sqlite:///FILE or postgresql://...")
@click.option("--store-key", metavar="FILE", help="With --store: the file with its encryption key.")
@click.option(
    "--label", "labels", multiple=True, callback=labels_of, metavar="KEY=VALUE",
    help="A label by which `stretto runs list` finds the run, up to 16.",
)  # fmt: skip
@click.option("--priority", metavar="NAME", help="low, normal, high or urgent. [default: that of the definition]")
@click.option("--note", metavar="TEXT", help="With --daemon: a note for the audit.")
@click.option("--resume", metavar="RUN", help="With --store: continue this interrupted run instead of a new one.")
@click.option("--idempotency-key", metavar="KEY", help="If a run was started with this KEY, follow that one instead.")
@PROGRESS
@click.option(
    "--log-level",
    type=Choice(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), case_sensitive=False),
    metavar="LEVEL",
    help="Log to standard error from this level on: DEBUG, INFO, WARNING, ERROR. [default: WARNING; core.log: INFO]",
)
def run(
    workflow: str | None,
    assignments: tuple[str, ...],
    inputs: str | None,
    as_json: bool,  # noqa: FBT001 - a command line's flag
    definitions: tuple[str, ...],
    actions: tuple[str, ...],
    packs: tuple[str, ...],
    pack_config: str | None,
    keystore: str | None,
    daemon: str | None,
    token_file: str | None,
    detach: bool,  # noqa: FBT001 - as above
    store: str | None,
    store_key: str | None,
    labels: dict[str, str] | None,
    priority: str | None,
    note: str | None,
    resume: str | None,
    idempotency_key: str | None,
    progress: "Mode | None",
    log_level: str | None,
) -> None:
    """Run WORKFLOW, a ref or the path of a file, and print its output.

    A file may call the workflows in its folder. Give --definitions for those in other folders.

    A ref runs in the daemon of --daemon or $STRETTO_DAEMON. A file, and a ref with --definitions or another setting of
    this process, runs here in spite of the variable.

    VALUE is converted to the parameter's type. Without a type it is text, unless it is a JSON list or object. It wins
    over the same key in --inputs. With --store, unfinished runs in the store continue during this one.

    --resume follows one of these instead: a run whose process was interrupted. RUN is its id, the first or last 6 or
    more digits of it, or @latest. Give the --actions and --packs that it needs.
    """
    from stretto.actors.cli.progress.above import Above
    from stretto.actors.cli.progress.modes import watching
    from stretto.actors.cli.support.error_exits import code_of
    from stretto.actors.cli.support.printable import printable_lines
    from stretto.actors.cli.support.run_logging import log_run
    from stretto.actors.engine import Engine
    from stretto.actors.runners import capture_prints
    from stretto.definitions.errors import StrettoError

    log_run(log_level, workflow=workflow)
    if resume is not None:
        new = (workflow, assignments, inputs, labels, priority, idempotency_key, note, daemon, token_file, detach)
        prepare = partial(_continued_run, _resumable(resume, store, store_key, of_a_new_run=any(new)))
    else:
        if workflow is None:
            raise click.UsageError("Missing argument 'WORKFLOW'.")
        is_set_here = bool(definitions or actions or packs or pack_config or keystore or store or store_key)
        if daemon is None:
            daemon = named_daemon(is_local=is_set_here or is_of_this_machine(workflow))
            if daemon is not None:  # the same command runs here without the variable
                click.echo(f"stretto: the daemon at {daemon} (${DAEMON_VARIABLE}) runs it", err=True)
        if daemon is not None:
            from stretto.actors.cli.remote import Wanted, run_at_daemon

            if is_set_here:
                own = "--definitions, --actions, --packs, --pack-config, --keystore, --store and --store-key"
                raise click.UsageError(f"{own} are the daemon's own settings: leave them out here")
            wanted = Wanted(
                workflow,
                assignments,
                inputs,
                as_json,
                detach,
                progress,
                log_level,
                idempotency_key,
                labels,
                note,
                priority,
            )
            run_at_daemon(daemon, token_file, wanted)
        _check_alone(store, of_a_daemon=detach or token_file or note, of_a_store=store_key or idempotency_key)
        if store is not None:
            _check_exists(workflow)
        prepare = partial(_new_run, workflow, inputs, assignments, idempotency_key, labels, priority)
    prints = Above(sys.stderr, printable_lines if sys.stderr.isatty() else str)
    # Until the process ends: standard output is for the outcome, also if a function still runs then.
    capture_prints(echo=cast("TextIO", prints))
    try:
        engine = Engine.start(
            definitions=definitions, actions=actions, packs=packs, pack_config=pack_config, keystore=keystore,
            rendered_commands=rendered_commands(), store=store, store_key=store_key,
            expression_limits=expression_limits(), capture_output=True, artifacts=artifacts(),
            run_packs_as=packs_user(),
        ).proxy()  # fmt: skip
    except StrettoError as error:
        give_up(str(error), code_of(error))  # without source lines: those of a keystore are secret
    handle, outcome = _followed(engine, prepare, watching(progress, log_level, prints), store)
    _stop(engine)
    print_outcome(handle.id, handle.workflow, outcome, as_json=as_json)
    sys.exit(0 if outcome.status == "succeeded" else FAILED)


def _check_exists(workflow: str) -> None:
    """End with a message if the workflow is a file that there is not, before a store is made for its run."""
    from stretto.actors.locating import is_path, may_be_ref

    if is_path(workflow) and not may_be_ref(workflow) and not os.path.lexists(workflow):
        give_up(f"cannot read the workflow {workflow!r}: {os.strerror(errno.ENOENT)}", USAGE)


def _followed(
    engine: Any,
    prepare: "Callable[[Any], Callable[[Any], RunHandle]]",
    watching: "AbstractContextManager[Watching]",
    store: str | None,
) -> "tuple[RunHandle, Outcome]":
    """Return the handle and outcome of a run. An error stops the engine and ends the process."""
    from stretto.actors.cli.support.error_exits import code_of
    from stretto.definitions.errors import InvalidDefinition, StrettoError

    try:
        return _follow(engine, prepare(engine), watching)
    except InvalidDefinition as error:
        _stop(engine)
        give_up_with_findings("the definition cannot be used", error.findings, FAILED)
    except click.UsageError as error:
        _stop(engine)
        give_up(error.format_message(), USAGE)
    except StrettoError as error:
        _stop(engine)
        give_up(str(error), code_of(error))
    except KeyboardInterrupt as interrupt:
        left = "" if store is None else "".join(f"; `--resume {run_id}` continues the run" for run_id in interrupt.args)
        _stop_at_once(engine, left)
        give_up(f"interrupted{left}", INTERRUPTED)


def _check_alone(store: str | None, *, of_a_daemon: bool | str | None, of_a_store: str | None) -> None:
    """Refuse options that need a daemon or a store. Raises `click.UsageError`."""
    if of_a_daemon:
        raise click.UsageError("--detach, --token-file and --note need --daemon, which continues the run")
    if store is None and of_a_store is not None:
        raise click.UsageError("--store-key and --idempotency-key need --store")


def _resumable(run: str, store: str | None, store_key: str | None, *, of_a_new_run: bool) -> str:
    """Return the id of an unfinished run. A run that cannot be continued ends the process.

    Raises `click.UsageError` without a store, or with an argument of a new run.
    """
    import contextlib

    from stretto.actors.cli.runs.options import find_run
    from stretto.actors.cli.runs.stored import StoreRuns
    from stretto.actors.cli.support.error_exits import exiting_on_errors
    from stretto.actors.operations import Run, RunAnswer

    if of_a_new_run:
        own = "WORKFLOW, KEY=VALUE, --inputs, --label, --priority, --idempotency-key, --note"
        own += ", --daemon, --token-file and --detach"
        raise click.UsageError(f"--resume continues a run as it was started: leave out {own}")
    if store is None:
        raise click.UsageError("--resume needs --store, which has the run")
    with exiting_on_errors(), contextlib.closing(StoreRuns(store, store_key)) as source:
        found = source.ask(Run(find_run(source, run)), RunAnswer).run
    if found["ended_at"] is not None:
        give_up(f"the run {found['id']} has ended ({found['status']}): `stretto runs rerun` runs it again", USAGE)
    if "quarantine" in found:
        give_up(f"the run {found['id']} is quarantined: `stretto runs recover` tries again to recover it", USAGE)
    return str(found["id"])


def _new_run(
    workflow: str,
    source: str | None,
    assignments: tuple[str, ...],
    idempotency_key: str | None,
    labels: dict[str, str] | None,
    priority: str | None,
    engine: Any,
) -> "Callable[[Any], RunHandle]":
    """Read the inputs of a new run, and return what starts it: a function of the view."""
    definition = engine.workflow(workflow).get()
    types = {name: parameter.type for name, parameter in definition.parameters.items()}
    values = inputs_of(types, source, assignments)

    def start(view: Any) -> "RunHandle":
        handle: RunHandle = engine.submit(
            workflow, values, view, idempotency_key=idempotency_key, labels=labels, priority=priority
        ).get()  # fmt: skip
        return handle

    return start


def _continued_run(run_id: str, engine: Any) -> "Callable[[Any], RunHandle]":
    """Return what follows a run that the engine recovers, and resumes it if it is paused: a function of the view."""
    from contextlib import suppress
    from datetime import UTC, datetime

    from stretto.actors.cli.progress.pace import past_of
    from stretto.definitions.conductor import IllegalTransition

    def follow(view: Any) -> "RunHandle":
        handle: RunHandle = engine.handle(run_id).get()
        if view is not None:
            view.tell(past_of(engine.run(run_id).get(), datetime.now(UTC)))
            with suppress(IllegalTransition):  # it has ended
                engine.watch(run_id, view).get()
        if engine.status(run_id).get()["status"] in {"pausing", "paused"}:
            engine.resume(run_id).get()
        return handle

    return follow


def _follow(
    engine: Any, begin: "Callable[[Any], RunHandle]", watching: "AbstractContextManager[Watching]"
) -> "tuple[RunHandle, Outcome]":
    """Begin the run and wait for its outcome. Ctrl-C cancels the run by its policy. A second one stops at once.

    `begin` takes the view. If the run has not ended then, the second one's `KeyboardInterrupt` has its id.
    """
    from stretto.actors.cli.support.interrupts import held_back, wait_for

    handle: RunHandle | None = None
    with watching as shown:
        try:
            # Progress may arrive before the handle, and without the handle the run cannot be cancelled.
            with held_back():
                handle = begin(shown.view)
            outcome = wait_for(handle.outcome)
        except KeyboardInterrupt:
            if handle is None:
                raise
            try:
                # A second Ctrl-C, however soon, finds the run's cancellation requested.
                with held_back():
                    engine.cancel(handle.id)
                    shown.say("cancelling the run; press Ctrl-C again to stop at once")
                wait_for(handle.outcome)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(handle.id) from None
            shown.show_end(engine.status(handle.id).get())
            raise
        shown.show_end(engine.status(handle.id).get())
        return handle, outcome


def _stop(engine: Any) -> None:
    """Stop the engine. It may have stopped already, because its store is gone."""
    import contextlib

    import pykka

    with contextlib.suppress(pykka.ActorDeadError):
        engine.stop(grace=0).get()


def _stop_at_once(engine: Any, left: str) -> None:
    """Stop the engine. End the process if an action does not stop: a function on a thread cannot be interrupted.

    `left` ends the last message then: how to continue the run.
    """
    import os
    import signal

    import pykka

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a third Ctrl-C ends the process
    try:
        engine.stop(grace=0).get(timeout=STOP_SECONDS)
    except pykka.Timeout:
        click.echo(f"stretto: interrupted; an action that did not stop was left behind{left}", err=True)
        sys.stdout.flush()
        os._exit(INTERRUPTED)
