"""The graph, the joins and the tables that a run goes by."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.conductor import ENDED, IllegalTransition
from stretto.definitions.conductor.joins import Join
from stretto.definitions.conductor.states import ITEM, RUN, TASK, Table, advance
from stretto.definitions.model.graph import graph_of
from tests.support.evaluating import SOME, reading

EDGES = """\
version: "1"
tasks:
  a: {action: core.noop, next: [{do: [b, c]}, {do: b}]}
  b: {action: core.noop, next: [{do: d}, {do: b}]}
  c: {action: core.noop, next: [{do: d}]}
  d: {action: core.noop, join: all, next: [{do: c}]}
  e: {action: core.noop, next: [{do: e}]}
  f: {action: core.noop, next: [{do: g}]}
  g: {action: core.noop, join: 1, next: [{do: f}]}
"""


def test_inbound_edges_entries_and_reach() -> None:
    """Predecessors are distinct and in the file's order, self-loops make no difference to entries, islands are none."""
    tasks = reading(EDGES).tasks
    graph = graph_of(tasks)
    assert graph.inbound["b"] == ("a", "b")
    assert graph.inbound["d"] == ("b", "c")
    assert graph.entries == ("a", "e")
    assert graph.reachable(tasks) == {"a", "b", "c", "d", "e"}
    assert [graph.needed(tasks[name]) for name in "dga"] == [2, 1, 1]


@given(st.integers(1, 4), st.lists(st.sampled_from("abcd"), max_size=40))
@SOME
def test_a_join_starts_once_a_lap_as_soon_as_enough_are_there(needed: int, arrivals: list[str]) -> None:
    """A lap ends when somebody arrives who was already there; within one, the join starts with the n-th arrival."""
    join, lap = Join(needed), list[str]()
    for source in arrivals:
        lap = [source] if source in lap else [*lap, source]
        assert join.arrive(source) is (len(lap) == needed)
        assert join.started is (len(lap) >= needed)
        assert join.waiting is (len(lap) < needed)
        assert join.missing("abcd") == [name for name in "abcd" if name not in lap]


def test_a_join_that_nobody_reached_does_not_wait() -> None:
    """Not reached is not unsatisfied."""
    assert not Join(2).waiting


@pytest.mark.parametrize(
    ("table", "begins", "ends"),
    [
        (RUN, {"running"}, set(ENDED)),
        (TASK, {"running", "delayed"}, {"succeeded", "failed", "timed_out", "cancelled", "skipped"}),
        (ITEM, {"running"}, {"succeeded", "failed", "timed_out", "abandoned", "cancelled", "withdrawn", "skipped"}),
    ],
    ids=["run", "task", "item"],
)
def test_every_state_leads_to_an_end_and_no_end_leads_on(table: Table, begins: set[str], ends: set[str]) -> None:
    """Every state can be reached, from each an end can be, and an end is final."""
    states = begins | set(table.values())
    final = states - {state for state, _ in table}
    assert final
    assert final <= ends
    reached, ending = set(begins), set(final)
    for _ in states:
        reached |= {after for (before, _), after in table.items() if before in reached}
        ending |= {before for (before, _), after in table.items() if after in ending}
    assert reached == ending == states


def test_what_is_not_in_a_table_cannot_happen() -> None:
    """Every other pair raises IllegalTransition in words."""
    events = {event for _, event in RUN}
    for state, event in itertools.product({"running", "cancelling", "failing", *ENDED}, events):
        if (state, event) not in RUN:
            with pytest.raises(IllegalTransition, match=f"cannot {event} what is {state}"):
                advance(RUN, state, event)
