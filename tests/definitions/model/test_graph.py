"""The graph, the joins and the tables that a run goes by."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.conductor import ENDED, IllegalTransition
from stretto.definitions.conductor.joins import Join
from stretto.definitions.conductor.states import ITEM, RUN, TASK, Table, advance
from stretto.definitions.dialects import read_with_findings
from stretto.definitions.model import Task, graph
from stretto.definitions.model.graph import cyclic_tasks, following, graph_of, reachable_from
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
        (TASK, {"running", "delayed", "awaiting"}, {"succeeded", "failed", "timed_out", "cancelled", "skipped"}),
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


@given(st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=1, max_size=8))
@SOME
def test_the_tasks_of_cycles(targets: list[list[int]]) -> None:
    """Those from which a way leads back."""
    known = range(len(targets))
    tasks = _leading({number: [each for each in targets[number] if each in known] for number in known})
    expected = {name for name in tasks if name in reachable_from(tasks, following(tasks, [name]))}
    assert cyclic_tasks(tasks) == expected


def test_cycles_are_found_in_one_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each task of a long chain is looked at as often as one of a short one."""
    asked: list[Any] = []

    def counted(tasks: Mapping[str, Task], names: Iterable[str]) -> list[str]:
        asked.append(names)
        return following(tasks, names)

    monkeypatch.setattr(graph, "following", counted)
    tasks = _leading({number: [number + 1] for number in range(1000)})
    assert cyclic_tasks(tasks) == frozenset()
    assert len(asked) <= 3 * len(tasks)


def _leading(targets: dict[int, list[int]]) -> Mapping[str, Task]:
    """Return tasks by the numbers of their targets."""
    lines = [
        f"  t{number}: {{action: core.noop, join: 1, next: [{{do: [{', '.join(f't{each}' for each in of_task)}]}}]}}"
        for number, of_task in targets.items()
    ]
    workflow = read_with_findings("\n".join(['version: "1"', "ref: a.b", "tasks:", *lines]), "f").workflow
    assert workflow is not None
    return workflow.tasks
