"""The places of large graphs: 300 tasks, and 1,000, drawn as they are, without folding."""

from random import Random
from time import perf_counter

import targets
from measure import Case, Samples, interleave
from report import Measured, Table, timing

from stretto.definitions.drawing import Edge, Node, Picture, lay_out

SIZES = (300, 1000)
_NEAR, _FAR = 6, 60


def picture(tasks: int) -> Picture:
    """Return a graph: each task leads to one or two of the next six, every tenth one farther, some back."""
    random = Random(tasks)  # noqa: S311 - the same graph each time
    names = [f"task_{number}" for number in range(tasks)]
    nodes = {
        name: Node(name, (name, "ops.some_action"), entry=name == names[0], helper=False, fans_out=False, tasks=(name,))
        for name in names
    }
    edges = []
    for number in range(tasks):
        for _ in range(random.randint(1, 2)):
            reach = _FAR if random.random() < 0.1 else _NEAR
            edges.append((number, min(number + random.randint(1, reach), tasks - 1), random.choice(("", "failed()"))))
        if random.random() < 0.02:
            edges.append((number, max(number - random.randint(0, _NEAR), 0), "retry"))
    return Picture("perf", nodes, tuple(Edge(names[one], names[other], label) for one, other, label in edges), (), ())


def case(tasks: int) -> Case:
    """Return a case that lays out a graph."""
    drawn = picture(tasks)

    def work(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            lay_out(drawn)
        return perf_counter() - began

    return work


def measure(rounds: int) -> Samples:
    """Lay out graphs of all sizes."""
    return interleave({_name(tasks): case(tasks) for tasks in SIZES}, rounds)


def table(samples: Samples) -> Table:
    """Return the times of the layouts."""
    shown = Table("Layouts of graphs", ["graph", "time"])
    for tasks in SIZES:
        shown.add(_name(tasks), timing(samples[_name(tasks)], "ms"))
    return shown


def measured(samples: Samples) -> dict[str, Measured]:
    """Return what the targets are about."""
    return {f"graph of {tasks:,}": targets.of_time(samples[_name(tasks)], "ms") for tasks in SIZES}


def _name(tasks: int) -> str:
    return f"{tasks:,} tasks"
