"""`stretto graph`."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main

CYCLE = """version: "1.0.0"
tasks:
  - {name: start, action: core.noop, next: [{do: [ask]}]}
  - name: ask
    action: core.noop
    next:
      - {when: "{{ result() is none and 1 < 2 }}", do: [ask]}
      - {when: "failed()", do: [start, left, right]}
  - {name: left, action: core.noop, next: [{do: [last]}]}
  - {name: right, action: core.noop, next: [{do: [last]}]}
  - {name: last, action: core.noop, join: all}
  - {name: apart, action: core.noop}
"""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def cycle(tmp_path: Path) -> str:
    path = tmp_path / "cycle.yaml"
    path.write_text(CYCLE)
    return str(path)


def graph(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["graph", *arguments])


@pytest.mark.parametrize(("arguments", "start"), [((), "flowchart TD"), (("--format", "dot"), 'digraph "cycle" {')])
def test_mermaid_is_the_default_and_dot_the_other_text(cycle: str, arguments: tuple[str, ...], start: str) -> None:
    """The drawing is on standard output, and nothing else is."""
    result = graph(cycle, *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(start)


def test_svg_draws_every_task_once_and_no_two_over_each_other(cycle: str) -> None:
    """A cycle, an edge to the task itself, and a task apart are drawn inside of the picture."""
    result = graph(cycle, "--format", "svg")
    root = ET.fromstring(result.stdout)  # noqa: S314 - our own
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    boxes = [
        tuple(float(box.get(name, 0)) for name in ("x", "y", "width", "height")) for box in root.iter(f"{SVG}rect")
    ]
    assert len(boxes) == 6
    for number, (x, y, wide, high) in enumerate(boxes):
        assert x >= 0
        assert x + wide <= width
        assert y + high <= height
        for x2, y2, wide2, high2 in boxes[:number]:
            assert x + wide <= x2 or x2 + wide2 <= x or y + high <= y2 or y2 + high2 <= y
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "result() is none and 1 < 2" in texts
    lines = [path for path in root.iter(f"{SVG}path") if path.get("marker-end")]
    assert len(lines) == 7
    assert all(re.match(r"M[\d.]+ [\d.]+[LC]", path.get("d", "")) for path in lines)


def test_a_task_stands_below_all_that_lead_to_it(cycle: str) -> None:
    """Edges that close a cycle apart."""
    root = ET.fromstring(graph(cycle, "--format", "svg").stdout)  # noqa: S314 - our own
    bold = {text.text: float(text.get("y", 0)) for text in root.iter(f"{SVG}text") if text.get("font-weight")}
    assert bold["start"] == bold["apart"] < bold["ask"] < bold["left"] == bold["right"] < bold["last"]


def test_refs_and_actions_are_found_as_run_finds_them(tmp_path: Path) -> None:
    """--definitions names folders, --actions code."""
    (tmp_path / "w.yaml").write_text('version: "1.0.0"\nref: test.graphed\ntasks: [{name: a, action: graphed.it}]\n')
    (tmp_path / "code.py").write_text(
        'from stretto.actors import action\n\n@action("graphed.it")\ndef it() -> None: ...\n'
    )
    result = graph("test.graphed", "--definitions", str(tmp_path), "--actions", str(tmp_path / "code.py"))
    assert "graphed.it" in result.stdout, result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("nope",), 2, "there is no workflow 'nope'"),
        (("nope.yaml",), 2, "cannot read"),
        (("BAD",), 1, "[missing_field]"),
        (("nope", "--actions", "no_such_module_x"), 2, "no_such_module_x"),
        (("nope", "--format", "png"), 2, "png"),
    ],
)
def test_what_cannot_be_drawn_is_told(tmp_path: Path, arguments: tuple[str, ...], code: int, expected: str) -> None:
    """Exit 2 for wrong usage, 1 for a definition that is wrong."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("tasks: [{name: a}]\n")
    result = graph(*(str(bad) if each == "BAD" else each for each in arguments))
    assert (result.exit_code, result.stdout) == (code, "")
    assert expected in result.stderr
