"""The differences in meaning between the dialects, one field each.

Every definition has the semantics of its dialect. The conductor has one mechanism for all dialects and reads its
choices here; it never checks the dialect of a definition.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

CoreActions: TypeAlias = Literal["stretto", "stackstorm"]
"""The provider of the core.* actions of a definition."""


@dataclass(frozen=True, slots=True)
class Semantics:
    """The decisions in which the dialects differ.

    Attributes:
        publish: Where `publish` writes. `run`: into the one namespace of the run, where a value replaces an earlier
            one. `branch`: into the branch that follows the transition, where objects merge. A join merges its branches
            in the order of their arrival.
        edges: The order in which transitions are evaluated. `in_order`: in the file's order, each with its `publish`,
            then all targets start at once. `by_target`: one edge for each target, sorted by the target's name.
        broken_expression: The effect of an error in `vars`, `when` or `publish`, after which the run fails. `stops`:
            nothing further is evaluated. `is_skipped`: the other entries and edges are still evaluated.
        arrivals: What an arrival starts. `by_lap`: every arrival starts a task; a join starts when enough inbound tasks
            have led to it since its last start. `by_route`: a task with several inbound edges, without a join and
            outside all cycles splits the run into routes, each with its own visits of the tasks that follow; a join
            counts the inbound tasks whose last visit led to it.
        starts: How ready tasks start. `as_reached`: one after the other; an expression error fails the task.
            `together`: sorted by name, with all items rendered before the first starts; an expression error fails the
            run.
        retries: What a retry repeats. `item`: a failed item. `visit`: the whole visit with all its items, whenever the
            retry's condition holds, even after a success.
        failed_items: The effect of a failed item. `go_on`: the others run, up to `max_failures`. `when_idle`: the task
            ends as soon as none of its items is running.
        failed_results: The entry of a failed item in the list of results. `null`: null. `kept`: the item's result.
        time_outs: The status of a task whose action timed out, `timed_out` or `failed`.
        skips: The status of a task that was skipped by request, `skipped` or `succeeded`.
        fail_fast: Whether an unhandled failure fails the run at once and reports the joins that can no longer be
            satisfied. A native workflow can request this with its own field.
        after_the_end: Whether transitions of tasks that complete while the run fails or is being cancelled are
            `ignored` or `evaluated`.
        commanded_items: The fate of items that were commanded but have not started when the run fails. `withdrawn`:
            they never start. `started`: they run. A cancelled run starts nothing in any dialect.
        cancelled_action: Whether an action that was cancelled from outside cancels its `task` or the `run`.
        final_failure: Whether a failing run with running items can still be cancelled.
        paused_end: Whether a paused run with nothing left to do `ends`, or `waits` to be resumed.
        output: How the output is rendered. `whole`: in the run's namespace; errors are reported if the run has not
            failed. `entry`: entry by entry, each seeing the earlier ones, in the merged branches of the tasks that
            ended last.
        undeclared_inputs: Whether undeclared inputs are `refused` or `dropped`.
        facts: Where expressions read the facts of their run: the namespace `system`, or the variable `st2`.
        core_actions: Whether core.* are `stretto`'s own actions, or have the input and output of `stackstorm`'s.
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
    commanded_items: Literal["withdrawn", "started"]
    cancelled_action: Literal["task", "run"]
    final_failure: bool
    paused_end: Literal["ends", "waits"]
    output: Literal["whole", "entry"]
    undeclared_inputs: Literal["refused", "dropped"]
    facts: Literal["system", "st2"]
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
    facts="system",
    core_actions="stretto",
)
"""The semantics of the native dialect, which are Attune's."""

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
    commanded_items="started",
    cancelled_action="run",
    final_failure=True,
    paused_end="waits",
    output="entry",
    undeclared_inputs="dropped",
    facts="st2",
    core_actions="stackstorm",
)
"""The semantics of Orquesta 1.6 for definitions of version 1.0."""

ST2 = "st2"
"""The variable with the facts of a run, of `Semantics.facts`."""
COMMANDS = frozenset({"continue", "noop", "fail"})
"""The engine commands of `do` in Orquesta. A `retry` there becomes the task's own."""
