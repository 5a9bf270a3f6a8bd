"""`stretto runs`: what is known of runs, and what can be done with them, through a daemon or in a store itself.

runs list, items  listing.py     options.py  --daemon, --store ... --> a source, and how errors end a command
runs show ...     showing.py     source.py   what commands ask of a source
runs cancel ...   control.py     daemon.py   a source that asks a daemon
runs watch        watching.py    stored.py   a source that reads and changes a store
                                 tables.py, times.py   how people are told
"""

import click

from stretto.actors.cli.lazy import LazyGroup

_HERE = "stretto.actors.cli.runs"

_PLACES = {
    "list": (f"{_HERE}.listing:list_runs", "List runs, the newest first."),
    "show": (f"{_HERE}.showing:show", "Show a run: its inputs, output, errors and tasks."),
    "items": (f"{_HERE}.listing:items", "List the items of a run that have ended, or show one with its result."),
    "watch": (f"{_HERE}.watching:watch", "Follow a run to its end."),
    "why": (f"{_HERE}.showing:why", "Tell what a run, or one of its tasks, waits for."),
    "output": (f"{_HERE}.showing:output", "Print what an item in flight has written so far."),
    "cancel": (f"{_HERE}.control:cancel", "End a run by its cancellation policy."),
    "pause": (f"{_HERE}.control:pause", "Have a run start nothing new."),
    "resume": (f"{_HERE}.control:resume", "Let a paused run go on."),
    "rerun": (f"{_HERE}.control:rerun", "Do an ended run again: all of it, or what failed."),
    "skip": (f"{_HERE}.control:skip", "Have an item end without a result, as if it had succeeded."),
    "retry": (f"{_HERE}.control:retry", "Try an item again now that failed or waits."),
    "concurrency": (f"{_HERE}.control:concurrency", "Change how many items of a task run at once."),
    "export": (f"{_HERE}.showing:export", "Print everything of a run as JSON."),
    "prune": (f"{_HERE}.control:prune", "Delete ended runs by their age or number."),
}


@click.group(cls=LazyGroup, places=_PLACES)
def runs() -> None:
    """List, show, follow and control runs.

    RUN is a run's id, or @latest: the newest one that is no sub-workflow's.

    They are those of the daemon at --daemon URL, or those in the store at --store URL, whose secrets take the
    --store-key FILE. With neither, the daemon of this user is asked, if there is one. A store is read beside its
    daemon; to change something in it, it must have none.

    Exit codes: 0 done; 1 the run did not succeed (watch); 2 wrong usage, an unknown run, or a run that cannot do that
    now; 3 the daemon cannot be reached, or the store cannot be opened; 130 interrupted.
    """
