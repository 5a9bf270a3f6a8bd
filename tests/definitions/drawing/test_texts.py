"""A workflow's graph as Mermaid's and Graphviz's text: what is written is read back, piece by piece."""

import re

from stretto.definitions.dialects import read_workflow
from stretto.definitions.drawing import MAX_LABEL, Picture, dot, mermaid, picture_of

WORKFLOW = """version: "1.0.0"
ref: test.drawn
on_cancel: tidy
tasks:
  - name: end
    action: core.echo
    with_items: [1, 2]
    batch_size: 2
    input: {message: "{{ item }}"}
    next:
      - {when: '{{ succeeded() and result() != "a <b> #1" }}', do: [both]}
      - {when: "failed()", do: [join]}
  - name: both
    type: parallel
    tasks:
      - {name: one, action: core.noop}
      - {name: inner, type: parallel, tasks: [{name: two, action: core.noop}]}
    next: [{do: [join]}]
  - {name: join, join: all, action: core.noop, decision: [{when: "result()", next: loop}, {default: tidy}]}
  - {name: loop, action: core.noop, next: [{when: "{{ LONG }}", do: [loop]}]}
  - {name: tidy, action: core.noop}
""".replace("LONG", " and ".join(["true"] * 20))


def drawn(text: str = WORKFLOW) -> Picture:
    """Return the picture of a workflow."""
    return picture_of(read_workflow(text, "drawn.yaml"))


def test_a_mermaid_text_has_every_task_and_every_transition() -> None:
    """Read back, its boxes are the tasks, its arrows the transitions; names that are keywords are only labels."""
    picture = drawn()
    text = mermaid(picture)
    assert text.startswith("flowchart TD\n")
    boxes = dict(re.findall(r'^ +(n\d+)(?:\[\[|\(\[|\[)"([^<"]*)', text, re.MULTILINE))
    assert list(boxes.values()) != []
    assert set(boxes.values()) == set(picture.nodes)
    arrows = re.findall(r'^  (n\d+) -->(?:\|"([^"]*)"\|)? (n\d+)$', text, re.MULTILINE)
    assert [(boxes[source], boxes[target]) for source, _, target in arrows] == [
        (edge.source, edge.target) for edge in picture.edges
    ]
    assert text.count("subgraph ") == text.count("  end\n") == 2
    assert '[["end<br/>core.echo<br/>with_items, batches of 2"]]' in text
    (entries,) = re.findall(r"^  class (\S+) entry$", text, re.MULTILINE)
    assert [boxes[name] for name in entries.split(",")] == ["end"]


def test_files_of_items_and_of_results_are_shown() -> None:
    """The picture shows their format, but not their path."""
    text = WORKFLOW.replace("with_items: [1, 2]", "with_items: {csv: a}\n    results: {jsonl: b}")
    assert drawn(text).nodes["end"].lines[2] == "with_items: csv, batches of 2, results: jsonl"


def test_a_mermaid_text_has_no_character_of_a_condition_that_means_something_there() -> None:
    """Quotes, angle brackets and number signs are entities."""
    assert '|"succeeded() and result() != #quot;a #lt;b#gt; #35;1#quot;"|' in mermaid(drawn())


def test_a_dot_text_has_every_task_and_every_transition() -> None:
    """Braces and quotes are balanced; nodes and edges are the picture's."""
    picture = drawn()
    text = dot(picture)
    nodes = re.findall(r'^ +"([^"]+)" \[label="([^"]*)"', text, re.MULTILINE)
    assert {name for name, _ in nodes} == set(picture.nodes)
    edges = re.findall(r'^ +"([^"]+)" -> "([^"]+)"', text, re.MULTILINE)
    assert edges == [(edge.source, edge.target) for edge in picture.edges]
    plain = re.sub(r'"(?:\\.|[^"\\])*"', "", text)
    assert '"' not in plain
    assert plain.count("{") == plain.count("}") == 3
    assert r"result() != \"a <b> #1\"" in text


def test_a_picture_tells_joins_entries_helpers_and_groups() -> None:
    """A parallel task is a group of its fork, its members and its join; a group may hold another."""
    picture = drawn()
    assert picture.nodes["join"].lines == ("join", "core.noop", "join: all")
    assert picture.nodes["tidy"].lines[-1] == "on_cancel"
    assert [name for name, node in picture.nodes.items() if node.entry] == ["end"]
    assert [name for name, node in picture.nodes.items() if node.helper] == ["both.fork", "inner.fork", "inner", "both"]
    (group,) = picture.groups
    assert group.nodes == ("both.fork", "one", "both")
    assert [inner.nodes for inner in group.groups] == [("inner.fork", "two", "inner")]
    assert picture.loose == ("end", "join", "loop", "tidy")


def test_labels_are_short_and_a_default_is_called_otherwise() -> None:
    """A long condition is cut; the default of a decision has none of its own."""
    labels = {(edge.source, edge.target): edge.label for edge in drawn().edges}
    assert len(labels["loop", "loop"]) == MAX_LABEL
    assert labels["loop", "loop"].endswith("...")
    assert labels["join", "tidy"] == "otherwise"
    assert labels["end", "join"] == "failed()"
