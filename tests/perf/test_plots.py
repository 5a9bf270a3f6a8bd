"""Plots as SVG."""

from xml.etree import ElementTree as ET

from plots import Bars, Lines, svg

SVG = "{http://www.w3.org/2000/svg}"


def elements(document: str, name: str) -> list[ET.Element]:
    return list(ET.fromstring(document).iter(f"{SVG}{name}"))  # noqa: S314 - we have just written it


def test_a_line_has_a_point_for_each_place_where_it_was_measured() -> None:
    """What was not measured has none; the larger value is higher up."""
    document = svg(Lines("items", "Items", ["1", "10", "100"], "items", "us", {"ours": [10.0, None, 30.0]}))
    first, second = elements(document, "circle")
    assert float(first.attrib["cx"]) < float(second.attrib["cx"])
    assert float(first.attrib["cy"]) > float(second.attrib["cy"])


def test_lines_begin_at_zero() -> None:
    """A ratio of two values is that of their heights."""
    document = svg(Lines("items", "Items", ["1", "2"], "items", "us", {"ours": [10.0, 20.0]}))
    bottom = max(float(line.attrib["y1"]) for line in elements(document, "line"))
    low, high = (bottom - float(point.attrib["cy"]) for point in elements(document, "circle"))
    assert abs(high / low - 2) < 0.01


def test_bars_are_logarithmic() -> None:
    """Ten times more is always as much longer; each says its value."""
    document = svg(Bars("engines", "Engines", "ms", {"a": 0.1, "b": 1.0, "c": 10.0}, ["a"]))
    _, a, b, c = (float(bar.attrib["width"]) for bar in elements(document, "rect"))
    assert abs((c - b) - (b - a)) < 0.2
    assert {"0.1", "1", "10"} <= {text.text for text in elements(document, "text")}


def test_nothing_measured_is_a_plot_all_the_same() -> None:
    """A run in which nothing could be measured writes its report."""
    assert not elements(svg(Bars("engines", "Engines", "ms")), "circle")
    assert not elements(svg(Lines("items", "Items", ["1"], "items", "us", {"ours": [None]})), "circle")


def test_names_are_escaped_and_the_same_figures_give_the_same_bytes() -> None:
    """A name with markup in it is text."""
    plot = Bars("engines", "A & B", "ms", {"<a>": 1.0})
    assert svg(plot) == svg(plot)
    assert "<a>" in {text.text for text in elements(svg(plot), "text")}
