"""Pictures of any shape, the same for the same seed."""

from itertools import pairwise
from random import Random

from stretto.definitions.drawing import Edge, Node, Picture

LABELS = ("", "", "", "succeeded()", "failed() and result().code != 404")


def node(name: str, lines: int = 2) -> Node:
    texts = (name, *("core.noop" * (number + 1) for number in range(lines - 1)))
    return Node(name, texts, entry=name == "t0", helper=False, fans_out=False, tasks=(name,))


def picture(nodes: list[Node], edges: list[tuple[str, str, str]]) -> Picture:
    return Picture("drawn", {each.name: each for each in nodes}, tuple(Edge(*each) for each in edges), (), ())


def drawn(seed: int, most: int = 25) -> Picture:
    """Return a picture with edges that cross layers, lead up, lead to their own node, and stand twice."""
    random = Random(seed)  # noqa: S311 - no secret
    count = random.randint(1, most)
    names = [f"t{number}" for number in range(count)]
    random.shuffle(names)
    edges = []
    for _ in range(random.randint(0, 2 * count)):
        one, other = random.randrange(count), random.randrange(count)
        if random.random() < 0.8:
            one, other = min(one, other), max(one, other)
        edges.append((names[one], names[other], random.choice(LABELS)))
    return picture([node(name, random.randint(1, 4)) for name in names], edges)


def chain(count: int, long: int = 0) -> Picture:
    """Return so many nodes in a row, from so many of which an edge also leads to the last one."""
    names = [f"t{number}" for number in range(count)]
    edges = [(one, other, "") for one, other in pairwise(names)]
    edges += [(name, names[-1], "failed()") for name in names[:long]]
    return picture([node(name) for name in names], edges)
