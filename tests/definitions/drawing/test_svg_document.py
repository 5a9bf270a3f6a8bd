"""Layouts as SVG documents."""

import re
from xml.etree import ElementTree as ET

from stretto.definitions.drawing import Mark, lay_out, svg
from tests.support.drawn_pictures import drawn, node, picture

SVG = "{http://www.w3.org/2000/svg}"


def root_of(document: str) -> ET.Element:
    return ET.fromstring(document)  # noqa: S314 - our own


def test_each_node_and_each_edge_is_drawn_with_a_title() -> None:
    """All texts are there."""
    drawing = drawn(7)
    root = root_of(svg(lay_out(drawing)))
    groups = root.findall(f"{SVG}g")
    nodes = [each for each in groups if "node" in each.get("class", "").split()]
    assert [each.get("data-node") for each in nodes] == list(drawing.nodes)
    assert len(groups) - len(nodes) == len(drawing.edges)
    assert all(each.findtext(f"{SVG}title") for each in [root, *groups])
    assert root.findtext(f"{SVG}title") == "drawn"


def test_a_strict_page_may_contain_it() -> None:
    """There is neither a style nor a script."""
    document = svg(lay_out(drawn(3)), {"t0": Mark("failed", "x", "t0 has failed")})
    assert not re.search(r"<style|<script|\sstyle=|\son\w+=|href", document)


def test_marks_are_a_class_a_sign_and_a_title() -> None:
    """So that colour is not all that tells a status."""
    root = root_of(svg(lay_out(picture([node("a"), node("b")], [])), {"a": Mark("failed", "✕", "a has failed")}))
    marked, plain = root.findall(f"{SVG}g")
    assert marked.get("class") == "node status-failed"
    assert marked.findtext(f"{SVG}title") == "a has failed"
    assert [each.text for each in marked.iter(f"{SVG}text") if each.get("class") == "mark"] == ["✕"]
    assert plain.get("class") == "node"


def test_hostile_names_are_only_text() -> None:
    """Characters that no XML has are replaced."""
    name = '"><script>x</script>\x01\ud800&'
    root = root_of(svg(lay_out(picture([node(name)], [(name, name, name)]))))
    assert root.find(f".//{SVG}script") is None
    assert root.findall(f"{SVG}g")[-1].get("data-node") == '"><script>x</script>\ufffd\ufffd&'
