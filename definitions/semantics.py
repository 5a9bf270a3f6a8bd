"""Where the dialects differ in meaning: each difference is a field here, and a definition carries its dialect's.

The conductor has one mechanism for all dialects and looks its choices up here; it never asks which dialect a
definition was written in.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Semantics:
    """What a dialect means by the same constructs.

    publish: `run`: into the run's one namespace, a value replaces an earlier one; `branch`: into the branch that
        follows the transition, objects merge, and a join merges its branches in the order of their arrival.
    edges: the order in which a completed task's transitions are looked at: `in_order` of the file, each with its
        publish, then all targets at once; `by_target`: one edge a target, sorted by the target's name.
    broken_transition: an error in `when` or `publish` fails the run; then `stops`: no further transition is looked at;
        `is_skipped`: the other edges are.
    starts: tasks that may start do so `as_reached`, each by itself, or `together`: sorted by name, all of them
        rendered before the first starts, and none if one cannot be.
    retries: what a retry repeats: an `item`, when it failed; or the whole `visit` with all its items, whenever the
        retry's condition holds, after a success too.
    arrivals: a task with several inbound edges and no join: `start` a visit each, in the one run; `split` the run
        into routes, on each of which what follows is visited by itself, unless the task is in a cycle.
    joins: a join waits for inbound tasks `by_lap`: arrivals since it last started; or `by_last_visit`: inbound tasks
        whose last visit led to it.
    failed_items: once an item has failed the rest `go_on` (as `max_failures` says), or the task `ends_when_idle`:
        at the moment when none of its items is running.
    fail_fast: an unhandled failure fails the run at once. (A native workflow may ask for it with its own field.)
    after_the_end: whether transitions are evaluated of tasks that complete while the run fails or is being cancelled.
    cancelled_item: an item whose action was cancelled from outside makes its task `fail`, or cancels the `run`.
    output: the output is rendered in the `run`'s namespace, or in the merged contexts of the `terminal` visits; with
        the latter its entries see earlier ones.
    undeclared_inputs: are refused, or dropped.
    """

    publish: Literal["run", "branch"]
    edges: Literal["in_order", "by_target"]
    broken_transition: Literal["stops", "is_skipped"]
    starts: Literal["as_reached", "together"]
    retries: Literal["item", "visit"]
    arrivals: Literal["start", "split"]
    joins: Literal["by_lap", "by_last_visit"]
    failed_items: Literal["go_on", "ends_when_idle"]
    fail_fast: bool
    after_the_end: Literal["ignored", "evaluated"]
    cancelled_item: Literal["task", "run"]
    output: Literal["run", "terminal"]
    undeclared_inputs: Literal["refused", "dropped"]


NATIVE = Semantics(
    publish="run",
    edges="in_order",
    broken_transition="stops",
    starts="as_reached",
    retries="item",
    arrivals="start",
    joins="by_lap",
    failed_items="go_on",
    fail_fast=False,
    after_the_end="ignored",
    cancelled_item="task",
    output="run",
    undeclared_inputs="refused",
)
"""The native dialect's, which is Attune's."""

ORQUESTA = Semantics(
    publish="branch",
    edges="by_target",
    broken_transition="is_skipped",
    starts="together",
    retries="visit",
    arrivals="split",
    joins="by_last_visit",
    failed_items="ends_when_idle",
    fail_fast=True,
    after_the_end="evaluated",
    cancelled_item="run",
    output="terminal",
    undeclared_inputs="dropped",
)
"""Orquesta's, as its conductor 1.6 runs definitions of version 1.0."""
