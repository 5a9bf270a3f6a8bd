"""Stored definitions are read back unchanged, from files and from packs, in both dialects."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.actors.packs import read_packs
from stretto.definitions import InvalidDefinition, StrettoError, Workflow, freeze, read_workflow
from stretto.definitions.dialects import read_as_orquesta
from stretto.definitions.errors import Place
from stretto.definitions.model.workflow import Parameter
from stretto.definitions.stored import from_stored, to_stored
from tests.support.differential.generator import generate
from tests.support.generating import definitions
from tests.support.paths import DOCS

NATIVE = """\
version: "1"
parameters:
  hosts: {type: array, required: true, items: {type: string, pattern: "^[a-z]"}}
  owner: {type: object, properties: {key: {type: string, secret: true}}, additionalProperties: {type: integer, min: 1}}
  ratio: {type: number, minimum: 0, maximum: 1.0, default: 0.5, enum: [0.5, 1, true, null, {a: [1]}]}
vars: {n: 1, text: "{{ parameters.ratio }} of {{ 1 }}", s: "{% if true %}x{% endif %}", l: [1, "{{ n }}"]}
tasks:
  - {name: a, action: core.echo, with_items: "{{ parameters.hosts }}", max_failures: 2%, input: {message: "{{ item }}"}}
  - {name: b, action: core.noop}
  - {name: c, action: core.noop}
"""
ORQUESTA = """\
version: 1.0
input: [x, y: "<% ctx(x) %>"]
vars: [z: {"{{ ctx().x }}": 1, raw: "{% raw %}{{ no }}{% endraw %}"}]
tasks:
  a: {action: core.echo message=<% ctx(y) %>, next: [{when: "{{ succeeded() }}", publish: [t: "a <% result() %>"]}]}
"""


def changed(workflow: Workflow, old: str, new: str) -> Workflow:
    """Return a workflow whose text says something else in one place."""
    assert old in workflow.text
    return read_workflow(workflow.text.replace(old, new), workflow.file)


@pytest.mark.parametrize("text", [NATIVE, ORQUESTA], ids=["native", "orquesta"])
def test_a_definition_comes_back_as_it_was(text: str) -> None:
    """With its text, and so once more."""
    workflow = read_workflow(text, "folder/name.yaml")
    stored = to_stored(workflow)
    back = from_stored(stored)
    assert back == workflow
    assert (back.text, back.file, back.ref) == (text, "folder/name.yaml", "name")
    assert to_stored(back) == stored


def test_where_it_was_read_comes_back_and_is_not_compared() -> None:
    """A definition that was stored without this fact was not read from the operator's files."""
    sent = read_workflow(NATIVE, "a.yaml")
    installed = replace(sent, installed=True)
    assert installed == sent
    assert [from_stored(to_stored(each)).installed for each in (sent, installed)] == [False, True]
    assert b"installed" not in to_stored(sent)


def test_equal_means_that_they_say_the_same() -> None:
    """Definitions differ if a value, an expression or a place differs; their texts are not compared."""
    workflow = read_workflow(NATIVE, "a.yaml")
    assert read_workflow(NATIVE + "# a comment\n", "a.yaml") == workflow
    for old, new in (
        ("n: 1,", "n: 2,"),
        ("n: 1,", "n: true,"),
        ("n: 1,", "n: 1.0,"),
        ("{{ 1 }}", "{{ 2 }}"),
        (" of ", " or "),
        ("%}x{%", "%}y{%"),
        ('"{{ n }}"', '"{{ s }}"'),
        ("{{ item }}", "{{ index }}"),
        ("tasks:", "\ntasks:"),
    ):
        assert changed(workflow, old, new) != workflow
    flow = read_workflow(ORQUESTA, "a.yaml")
    for old, new in (
        ("<% ctx(x) %>", "<% ctx('x') %>"),
        ("no }}", "yes }}"),
        ("<% ctx(y) %>", "<% ctx(x) %>"),
        ("{{ ctx().x }}", "{{ ctx().y }}"),
        ("a <%", "b <%"),
        ("{{ succeeded() }}", "<% succeeded() %>"),
    ):
        assert changed(flow, old, new) != flow


@given(text=definitions())
@settings(deadline=None, max_examples=50)
def test_any_native_definition_comes_back(text: str) -> None:
    """Whatever stands in it."""
    workflow = read_workflow(text, "test.yaml")
    assert from_stored(to_stored(workflow)) == workflow


@pytest.mark.parametrize("seed", range(1, 40))
def test_any_orquesta_definition_comes_back(seed: int) -> None:
    """Also one that only its place says to be Orquesta's."""
    reading = read_as_orquesta(generate(seed)["workflow"], "test.yaml")
    if reading.workflow is None or any(each.severity == "error" for each in reading.findings):
        return
    assert from_stored(to_stored(reading.workflow)) == reading.workflow


PACK = {
    "pack.yaml": "ref: ops\n",
    "actions/wrapped.yaml": """\
ref: ops.wrapped
label: A label of the metadata
description: It says what the graph does not.
workflow_file: wrapped.yaml
parameters:
  hosts: {type: array, items: {type: string}, default: [a]}
  key: {type: string, secret: true}
""",
    "actions/workflows/wrapped.yaml": NATIVE,
}


@pytest.mark.parametrize("kind", ["native", "stackstorm"])
def test_what_a_pack_says_of_a_workflow_comes_back(kind: str, tmp_path: Path) -> None:
    """Its ref, parameters, label and description, which do not stand in the text."""
    for name, text in PACK.items() if kind == "native" else ():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    described = [
        each for pack in read_packs([tmp_path if kind == "native" else DOCS / "stackstorm"]) for each in pack.workflows
    ]
    assert described
    for each in described:
        graph = read_workflow(each.path.read_text(encoding="utf-8"), str(each.path))
        workflow = each.completed(graph)
        assert (workflow.ref, workflow.parameters) != (graph.ref, graph.parameters)
        assert from_stored(to_stored(workflow)) == workflow


DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
).map(freeze)  # fmt: skip
BOUNDS = st.none() | st.integers(-5, 5) | st.floats(-5, 5)


def parameters(name: str, inner: st.SearchStrategy[Parameter] | None = None) -> st.SearchStrategy[Parameter]:
    """Return parameters of that name, with `inner` in them."""
    nested = st.none() if inner is None else st.none() | inner
    return st.builds(
        Parameter,
        name=st.just(name),
        type=st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "any"]),
        place=st.builds(Place, st.text(max_size=5), st.integers(1, 99), st.integers(1, 99), st.text(max_size=5)),
        required=st.booleans(),
        default=DATA,
        enum=st.lists(DATA, max_size=2).map(tuple),
        secret=st.booleans(),
        minimum=BOUNDS,
        maximum=BOUNDS,
        pattern=st.none() | st.text(max_size=5),
        items=nested,
        properties=st.dictionaries(st.text(max_size=3), inner, max_size=2) if inner is not None else st.just({}),
        closed=st.booleans(),
        others=nested,
        description=st.text(max_size=5),
    )


@given(parameter=parameters("p", parameters("q", parameters("r"))))
@settings(deadline=None, max_examples=100)
def test_any_parameter_comes_back(parameter: Parameter) -> None:
    """With all that is nested in it, and numbers of the kind that they were."""
    workflow = replace(read_workflow(NATIVE, "a.yaml"), ref="pack.name", parameters={"p": parameter}, label="L")
    back = from_stored(to_stored(workflow))
    assert back == workflow
    assert repr(back.parameters) == repr(workflow.parameters)


def test_a_workflow_without_a_text_cannot_be_stored() -> None:
    """The error says what to do."""
    with pytest.raises(StrettoError, match=r"cannot store the workflow 'a'.*read_workflow") as raised:
        to_stored(replace(read_workflow(NATIVE, "a.yaml"), text=""))
    assert raised.value.code == "no_definition_text"


def test_what_this_version_cannot_read_is_an_invalid_definition() -> None:
    """A form of a later version, bytes that are none, and a text that is refused now: with its findings."""
    stored = json.loads(to_stored(read_workflow(NATIVE, "a.yaml")))
    for data, message in (
        (b"\0", "the data is not a stored definition"),
        (b"{}", "the data is not a stored definition"),
        (json.dumps({"form": 2}).encode(), "its form must be 1, got 2"),
        (json.dumps({**stored, "dialect": "mistral"}).encode(), "the data is not a stored definition"),
        (json.dumps({**stored, "text": NATIVE.replace("core.noop", "core.noop, wat: 1")}).encode(), "no field 'wat'"),
        (json.dumps({**stored, "text": ORQUESTA}).encode(), "its dialect must be native, got orquesta"),
    ):
        with pytest.raises(InvalidDefinition, match=message):
            from_stored(data)
