"""Workflows in packs: an action's metadata, with the graph in its own file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stretto.definitions.errors import InvalidDefinition, InvalidInput
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

METADATA = """
ref: zoo.feed
label: Feed the animals
workflow_file: workflows/feed.yaml
parameters: {animals: {type: integer, required: true}}
"""
GRAPH = """
version: "1.0.0"
tasks:
  - {name: count, action: core.echo, input: {message: "{{ parameters.animals * 2 }}"}}
output_map: {portions: "{{ task.count.result }}"}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "zoo"
    (folder / "actions" / "workflows").mkdir(parents=True)
    (folder / "pack.yaml").write_text('ref: zoo\nversion: "1.0.0"\n')
    (folder / "actions" / "feed.yaml").write_text(METADATA)
    (folder / "actions" / "workflows" / "feed.yaml").write_text(GRAPH)
    return folder


def test_metadata_and_graph_make_a_workflow(start_bench: Callable[..., Bench], pack: Path) -> None:
    """The metadata gives ref and parameters, the other file the graph. Other workflows call it by its ref."""
    bench = start_bench(packs=pack)
    assert bench.proxy.workflows().get(timeout=PATIENCE) == ("zoo.feed",)
    handle = bench.proxy.submit("zoo.feed", {"animals": 3}).get(timeout=PATIENCE)
    assert outcome_of(handle).output == {"portions": 6}
    with pytest.raises(InvalidInput, match="the parameter 'animals' is required"):
        bench.proxy.submit("zoo.feed").get(timeout=PATIENCE)
    nested = (
        "tasks: [{name: call, action: zoo.feed, input: {animals: 1}}]\noutput_map: {r: '{{ task.call.portions }}'}\n"
    )
    assert bench.run(nested).output == {"r": 2}


def test_a_broken_graph_is_reported_when_its_workflow_is_submitted(
    start_bench: Callable[..., Bench], pack: Path
) -> None:
    """The findings point into the graph's file, and the rest of the pack stays."""
    graph = pack / "actions" / "workflows" / "feed.yaml"
    graph.write_text(GRAPH.replace("action: core.echo", "action: core.echo, next: [{do: cuont}]"))
    bench = start_bench(packs=pack)
    with pytest.raises(InvalidDefinition) as raised:
        bench.proxy.submit("zoo.feed").get(timeout=PATIENCE)
    (finding,) = raised.value.findings
    assert (finding.place.file, finding.place.line) == (str(graph), 4)
    assert "count" in finding.hint


def test_a_workflow_without_metadata_runs_by_its_own_ref(start_bench: Callable[..., Bench], pack: Path) -> None:
    """The file itself has the ref and the parameters. A file that is not YAML is reported."""
    (pack / "workflows").mkdir()
    (pack / "workflows" / "count.yaml").write_text("ref: zoo.count\nparameters: {animals: {type: integer}}\n" + GRAPH)
    (pack / "workflows" / "broken.yaml").write_text("ref: [")
    bench = start_bench(packs=pack)
    assert outcome_of(bench.proxy.submit("zoo.count", {"animals": 4}).get(timeout=PATIENCE)).output == {"portions": 8}
    with pytest.raises(InvalidDefinition, match="not valid YAML"):
        bench.proxy.submit("zoo.broken").get(timeout=PATIENCE)
