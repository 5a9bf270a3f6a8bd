"""Where the dialects differ in meaning: each difference is a field here, and a definition carries its dialect's.

The conductor has one mechanism for all dialects and looks its choices up here; it never asks which dialect a
definition was written in.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

CoreActions: TypeAlias = Literal["stretto", "stackstorm"]
"""Whose core.* a definition calls."""


@dataclass(frozen=True, slots=True)
class Semantics:
    """What a dialect means by the same constructs.

    publish: `run`: into the run's one namespace, where a value replaces an earlier one; `branch`: into the branch that
        follows the transition, where objects merge; a join merges its branches in the order of their arrival.
    edges: the order in which a completed task's transitions are looked at: `in_order` of the file, each with its
        publish, then all targets at once; `by_target`: one edge a target, sorted by the target's name.
    broken_expression: an error in `vars`, `when` or `publish` fails the run; then `stops`: nothing further is looked
        at; `is_skipped`: the other entries and edges are.
    arrivals: `by_lap`: every arrival starts a task, a join when enough inbound tasks have led to it since it last
        started; `by_route`: a task with several inbound edges, no join, and in no cycle splits the run into routes, on
        each of which what follows is visited by itself; a join counts inbound tasks whose last visit led to it.
    starts: tasks that may start do so `as_reached`, and what cannot be evaluated fails the task; or `together`: sorted
        by name, all their items rendered before the first starts, and what cannot be evaluated fails the run.
    retries: what a retry repeats: an `item`, when it failed; or the whole `visit` with all its items, whenever the
        retry's condition holds, after a success too.
    failed_items: once an item has failed the rest `go_on` (as `max_failures` says), or the task ends `when_idle`: at
        the moment when none of its items is running.
    failed_results: what the list of results holds for a failed item: `null`, or the result that it gave all the same.
    time_outs: a task whose action timed out `timed_out`, or `failed`.
    skips: a task whose action was skipped by request ended `skipped`, or `succeeded`, where there is no such word.
    fail_fast: an unhandled failure fails the run at once (a native workflow may ask for that with its own field), and
        joins that can no longer be satisfied are told then.
    after_the_end: whether transitions of tasks that complete while the run fails or is being cancelled are `ignored`
        or `evaluated`.
    commanded_items: when a run fails, items that were to start and have not begun are `withdrawn`, or `performed` like
        those that run. (A cancelled run begins nothing more in any dialect.)
    cancelled_action: an action that was cancelled from outside ends its `task` so, or cancels the `run`.
    final_failure: whether a run that fails, but in which something still runs, can still be cancelled.
    paused_end: a paused run in which nothing is left to do `ends`, or `waits` to be resumed.
    output: rendered `whole` in the run's namespace, its errors told when the run has not failed; or `entry` by entry,
        each seeing the earlier ones, in the merged branches of the tasks that ended last.
    undeclared_inputs: are `refused`, or `dropped`.
    core_actions: core.* are `stretto`'s own, or take and give what those of `stackstorm`'s core pack do.
    """

    publish: Literal["run", "branch"]
    edges: Literal["in_order", "by_target"]
    broken_expression: Literal["stops", "is_skipped"]
    arrivals: Literal["by_lap", "by_route"]
    starts: Literal["as_reached", "together"]
    retries: Literal["item", "visit"]
    failed_items: Literal["go_on", "when_idle"]
    failed_results: Literal["null", "kept"]
    time_outs: Literal["timed_out", "failed"]
    skips: Literal["skipped", "succeeded"]
    fail_fast: bool
    after_the_end: Literal["ignored", "evaluated"]
    commanded_items: Literal["withdrawn", "performed"]
    cancelled_action: Literal["task", "run"]
    final_failure: bool
    paused_end: Literal["ends", "waits"]
    output: Literal["whole", "entry"]
    undeclared_inputs: Literal["refused", "dropped"]
    core_actions: CoreActions


NATIVE = Semantics(
    publish="run",
    edges="in_order",
    broken_expression="stops",
    arrivals="by_lap",
    starts="as_reached",
    retries="item",
    failed_items="go_on",
    failed_results="null",
    time_outs="timed_out",
    skips="skipped",
    fail_fast=False,
    after_the_end="ignored",
    commanded_items="withdrawn",
    cancelled_action="task",
    final_failure=False,
    paused_end="ends",
    output="whole",
    undeclared_inputs="refused",
    core_actions="stretto",
)
"""The native dialect's, which is Attune's."""

ORQUESTA = Semantics(
    publish="branch",
    edges="by_target",
    broken_expression="is_skipped",
    arrivals="by_route",
    starts="together",
    retries="visit",
    failed_items="when_idle",
    failed_results="kept",
    time_outs="failed",
    skips="succeeded",
    fail_fast=True,
    after_the_end="evaluated",
    commanded_items="performed",
    cancelled_action="run",
    final_failure=True,
    paused_end="waits",
    output="entry",
    undeclared_inputs="dropped",
    core_actions="stackstorm",
)
"""Orquesta's, as release 1.6 of it runs definitions of version 1.0."""

COMMANDS = frozenset({"continue", "noop", "fail"})
"""What may stand for a task in `do` in Orquesta's dialect; a `retry` there becomes the task's own."""
