"""The places of boxes and lines."""

import itertools

import pytest

from stretto.definitions.dialects import read_with_findings
from stretto.definitions.drawing import MAX_PLACES, Box, Layout, Line, as_data, lay_out, picture_of
from stretto.definitions.drawing.places import Places
from stretto.definitions.errors import LimitExceeded
from tests.support.drawn_pictures import chain, drawn, node, picture

SEEDS = range(500)
PARTS = 8
"""Into so many parts is a curve cut to be looked at."""


def overlap(one: Box, other: Box) -> bool:
    apart_in_x = one.x + one.width <= other.x or other.x + other.width <= one.x
    return not (apart_in_x or one.y + one.height <= other.y or other.y + other.height <= one.y)


def crossed(line: Line, layout: Layout) -> list[str]:
    """Return the nodes whose boxes a line goes through. It touches the edges of its own."""
    found = []
    for curve in line.curves:
        points = [curve.start, curve.end] if curve.is_straight else [curve.at(n / PARTS) for n in range(PARTS + 1)]
        for one, other in itertools.pairwise(points):
            left, right = sorted((one.x, other.x))
            top, bottom = sorted((one.y, other.y))
            found += [
                name
                for name, box in layout.boxes.items()
                if left < box.x + box.width - 0.5 and right > box.x + 0.5
                if top < box.y + box.height - 0.5 and bottom > box.y + 0.5
            ]
    return found


def test_no_line_goes_through_a_box_in_500_graphs() -> None:
    """Boxes do not overlap, each line begins at its source and ends at its target, and all of it is in the picture."""
    for seed in SEEDS:
        layout = lay_out(drawn(seed, most=18))
        boxes = layout.boxes
        assert not any(itertools.starmap(overlap, itertools.combinations(boxes.values(), 2))), seed
        for line in layout.lines:
            assert crossed(line, layout) == [], (seed, line.edge)
            start, end = line.curves[0].start, line.curves[-1].end
            source, target = boxes[line.edge.source], boxes[line.edge.target]
            assert source.x < start.x < source.x + source.width, seed
            assert start.y == source.y + source.height, seed
            assert target.x < end.x < target.x + target.width, seed
            assert end.y == target.y, seed
            assert all(one.end == other.start for one, other in itertools.pairwise(line.curves)), seed
            points = [point for curve in line.curves for point in curve]
            assert all(0 <= point.x <= layout.width and 0 <= point.y <= layout.height for point in points), seed


def test_a_node_is_below_all_that_lead_to_it() -> None:
    """Except for those that it leads to itself."""
    layout = lay_out(chain(5, long=3))
    heights = [box.y for box in layout.boxes.values()]
    assert heights == sorted(heights)
    assert len(set(heights)) == 5


def test_long_edges_to_the_same_node_share_a_line() -> None:
    """A task that handles the failures of all others has one line, which they join."""
    layout = lay_out(chain(12, long=10))
    ends = {line.curves[-1].end for line in layout.lines if line.edge.label}
    assert len(ends) == 1


def test_labels_of_the_same_height_do_not_overlap() -> None:
    """Each has a row of its own between the layers."""
    names = [f"t{number}" for number in range(6)]
    label = "result().code == 200 and succeeded()"
    layout = lay_out(picture([node(name) for name in names], [("t0", name, label) for name in names[1:]]))
    rows: dict[float, list[float]] = {}
    for line in layout.lines:
        assert line.label_at is not None
        rows.setdefault(line.label_at.y, []).append(line.label_at.x)
    for row in rows.values():
        assert all(other - one >= len(label) * 8 for one, other in itertools.pairwise(sorted(row)))
    assert layout.boxes["t0"].y + layout.boxes["t0"].height < min(rows)
    assert max(rows) < layout.boxes["t1"].y


def test_a_layout_is_plain_data() -> None:
    """Nodes have places, edges points: the ends of each curve."""
    data = as_data(lay_out(picture([node("a"), node("b")], [("a", "b", "x")])))
    assert data["layout"].keys() == {"width", "height"}
    (first, second), (edge,) = data["nodes"], data["edges"]
    assert (first["name"], first["tasks"], first["lines"]) == ("a", ["a"], ["a", "core.noop"])
    assert first["y"] + first["height"] < second["y"]
    assert (edge["source"], edge["target"], edge["label"]) == ("a", "b", "x")
    assert edge["points"][0][1] == first["y"] + first["height"]
    assert edge["points"][-1][1] == second["y"]
    assert edge["path"].startswith(f"M{edge['points'][0][0]:.1f} {edge['points'][0][1]:.1f}")
    assert edge["label_at"][1] > edge["points"][0][1]


def test_no_node_at_all_is_a_layout_too() -> None:
    """Nothing fails."""
    assert lay_out(picture([], [])).boxes == {}


def test_a_graph_that_needs_too_many_places_is_refused() -> None:
    """By the name of the limit. Each edge crosses layers to a node of its own."""
    count = 460
    names = [f"t{number}" for number in range(count)]
    edges = [(one, other, "") for one, other in itertools.pairwise(names)]
    edges += [(names[number], names[number + count // 2], "") for number in range(count // 2)]
    with pytest.raises(LimitExceeded, match="MAX_PLACES"):
        lay_out(picture([node(name) for name in names], edges))
    assert (count // 2) ** 2 > MAX_PLACES


def test_a_large_graph_is_refused_before_it_is_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """No place is made of one with too many pieces, and no edge of one with too many transitions."""
    monkeypatch.setattr(Places, "_way", lambda *_given: pytest.fail("a line was made"))
    names = [f"t{number}" for number in range(200)]
    edges = [(one, other, "") for one, other in itertools.combinations(names, 2)]
    with pytest.raises(LimitExceeded, match="at most 50,000 tasks, and layers"):
        lay_out(picture([node(name) for name in names], edges))
    targets = ", ".join(f"t{number}" for number in range(1, 150))
    tasks = "".join(
        f"  t{number}: {{action: core.noop, join: 1, next: [{{do: [{targets}]}}]}}\n" for number in range(150)
    )
    workflow = read_with_findings(f'version: "1"\nref: a.b\ntasks:\n{tasks}', "f").workflow
    assert workflow is not None
    with pytest.raises(LimitExceeded, match="at most 20,000 transitions"):
        picture_of(workflow)
