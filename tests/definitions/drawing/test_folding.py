"""Large pictures are folded."""

from itertools import pairwise

from stretto.definitions.dialects import read_workflow
from stretto.definitions.drawing import MAX_NODES, folded, picture_of
from tests.support.drawn_pictures import chain, node, picture

PARALLEL = """version: "1.0.0"
ref: test.folded
tasks:
  - {name: begin, action: core.noop, next: [{do: [all]}]}
  - name: all
    type: parallel
    tasks:
"""


def test_a_small_picture_stays_as_it_is() -> None:
    """Up to the limit."""
    small = chain(MAX_NODES)
    assert folded(small) is small


def test_tasks_in_a_row_become_one_node() -> None:
    """It says how many there are, and where the row begins and ends."""
    large = folded(chain(MAX_NODES + 50))
    (only,) = large.nodes.values()
    assert only.lines == ("t0 to t199", "200 tasks in a row")
    assert len(only.tasks) == 200
    assert only.entry
    assert large.edges == ()


def test_branches_stay_apart() -> None:
    """A row ends where a task leads to two, or two lead to it, or the next one is a command."""
    names = [f"t{number}" for number in range(MAX_NODES)]
    edges = [(one, other, "") for one, other in pairwise(names)]
    branches = [("t9", "left", ""), ("left", "t20", "failed()"), (names[-1], "fail", "")]
    command = node("fail").__class__("fail", ("fail",), entry=False, helper=True, fans_out=False)
    large = folded(picture([*(node(name) for name in names), node("left"), command], [*edges, *branches]))
    assert list(large.nodes) == ["t0", "t10", "t20", "left", "fail"]
    assert [(edge.source, edge.target, edge.label) for edge in large.edges] == [
        ("t0", "t10", ""), ("t10", "t20", ""), ("t0", "left", ""), ("left", "t20", "failed()"), ("t20", "fail", ""),
    ]  # fmt: skip


def test_a_parallel_task_becomes_one_node() -> None:
    """With its members, also nested ones, and what leads to it."""
    members = "".join(f"      - {{name: m{number}, action: core.noop}}\n" for number in range(MAX_NODES))
    inner = "      - {name: inner, type: parallel, tasks: [{name: deep, action: core.noop}]}\n"
    large = folded(picture_of(read_workflow(PARALLEL + members + inner, "folded.yaml")))
    assert list(large.nodes) == ["begin", "all"]
    group = large.nodes["all"]
    assert group.lines == ("all", f"parallel: {len(group.tasks)} tasks")
    assert {"all", "m0", "inner", "deep"} <= set(group.tasks)
    assert [(edge.source, edge.target) for edge in large.edges] == [("begin", "all")]
