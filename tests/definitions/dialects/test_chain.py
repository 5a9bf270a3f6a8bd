"""ActionChains are read as Orquesta workflows."""

import pytest

from stretto.definitions import read_workflow
from stretto.definitions.data import thaw
from stretto.definitions.dialects import read_with_findings
from stretto.definitions.dialects.chain_names import names_in, with_context
from stretto.definitions.errors import InvalidDefinition, Place
from stretto.definitions.source import ScalarNode
from tests.support.driving import Drive

CHAIN = """\
vars: {url: "https://{{ host }}/"}
chain:
  - name: get
    ref: core.http
    params: {url: "{{ url }}{{ path }}"}
    publish: {page: "{{ get.body }}"}
    on-success: say
  - {name: say, ref: core.echo, parameters: {message: "{{ page | upper }}"}, on-failure: mend}
  - {name: mend, ref: core.noop, on-success: say}
default: get
"""


def test_tasks_transitions_and_inputs_are_those_of_the_chain() -> None:
    workflow = read_workflow(CHAIN, "chain.yaml")
    assert [*workflow.tasks] == ["get", "say", "mend"]
    assert set(workflow.parameters) == {"host", "path"}
    assert workflow.tasks["get"].transitions[0].targets == ("say",)
    assert workflow.tasks["say"].transitions[1].targets == ("mend",)


def rewritten(text: str) -> str:
    node = with_context(ScalarNode(Place("x", 1, 1), text, text, text))
    assert isinstance(node, ScalarNode)
    return node.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ a.b }} and {{c}}", "{{ ctx('a').b }} and {{ctx('c')}}"),
        ("{{ a[b] | join(',') }}", "{{ ctx('a')[ctx('b')] | join(',') }}"),
        ("{% for x in xs %}{{ x.y }}{% endfor %}", "{% for x in ctx('xs') %}{{ x.y }}{% endfor %}"),
        ("{% set n = a %}{{ n }}", "{% set n = ctx('a') %}{{ n }}"),
        ("{{ a if b is defined else none }}", "{{ ctx('a') if ctx('b') is defined else none }}"),
        ("{{ a if b is not defined else c }}", "{{ ctx('a') if ctx('b') is not defined else ctx('c') }}"),
        ("{{ [a, b, c] | join }}", "{{ [ctx('a'), ctx('b'), ctx('c')] | join }}"),
        ("{{ dict(a=a, b=not c) }}", "{{ dict(a=ctx('a'), b=not ctx('c')) }}"),
        (
            "{%- for x, y in xs %}{{ y + [x, z, x][0] }}{% endfor %}",
            "{%- for x, y in ctx('xs') %}{{ y + [x, ctx('z'), x][0] }}{% endfor %}",
        ),
        (
            "{{ st2kv.system.key }}/{{ system.other }}",
            "{{ st2kv_or_undefined('system.key') }}/{{ st2kv_or_undefined('system.other') }}",
        ),
        ("{{ st2kv.system.a | decrypt_kv }}", "{{ st2kv_or_undefined('system.a', true)   }}"),
        ("{{ system.a | default('b') }}", "{{ st2kv_or_undefined('system.a') | default('b') }}"),
        ("{{ config_context.a }} {{ b.config_context }}", "{{ config_context.a }} {{ ctx('b').config_context }}"),
        ("no {{", "no {{"),
        ("plain a.b", "plain a.b"),
    ],
)
def test_names_become_variables_of_the_context(text: str, expected: str) -> None:
    assert rewritten(text) == expected


def test_names_of_loops_are_not_inputs() -> None:
    text = "{% for x in xs %}{{ x }}{{ y }}{% endfor %}"
    assert list(names_in(ScalarNode(Place("x", 1, 1), text, text, text))) == ["xs", "y"]


def test_a_task_that_nothing_leads_to_is_left_out_with_a_warning() -> None:
    """In Orquesta it would begin together with the default task."""
    text = "chain:\n  - {name: a, ref: core.noop}\n  - {name: b, ref: core.noop}\ndefault: a\n"
    reading = read_with_findings(text, "chain.yaml")
    assert [*reading.usable().tasks] == ["a"]
    assert [each.code for each in reading.findings] == ["unreachable_task"]


def test_a_chain_that_comes_back_to_its_first_task_begins_there() -> None:
    text = "chain:\n  - {name: a, ref: core.noop, on-failure: b}\n  - {name: b, ref: core.noop, on-success: a}\n"
    workflow = read_workflow(text + "default: a\n", "chain.yaml")
    assert [*workflow.tasks] == ["start_of_chain", "a", "b"]


def test_the_configuration_of_the_pack_is_no_input_of_a_chain() -> None:
    """It is that of the run's pack; without one, it has no such field."""
    text = 'chain:\n  - {name: a, ref: a.b, params: {a: "{{ config_context.x | default(1) }}"}, on-success: b}\n'
    text += '  - {name: b, ref: a.b, params: {b: "{{ config_context.x }}"}}\n'
    drive = Drive(read_workflow(text, "chain.yaml"))
    assert not drive.workflow.parameters
    (start,) = [each for each in drive.conductor.outstanding() if each.prepared is not None]
    assert start.prepared is not None
    assert dict(start.prepared.input) == {"a": 1}
    drive.completes("a")
    assert "has no 'x'" in str(drive.finish.errors)


def test_a_chain_without_tasks_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="'chain' must have at least one task"):
        read_workflow("chain: []", "chain.yaml")


def test_names_of_tasks_may_have_spaces() -> None:
    """As in StackStorm. The output has the names as they are written; the result is in `__results`."""
    text = (
        'chain:\n  - {name: "get it", ref: a.b, on-success: "say-it"}\n'
        '  - {name: "say-it", ref: a.b, params: {text: "{{ __results[\'get it\'].body }}"}}\n'
    )
    drive = Drive(read_workflow(text, "chain.yaml"))
    assert [*drive.workflow.tasks] == ["get_it", "say_it"]
    drive.completes("get_it", {"body": "hello"})
    (start,) = [each for each in drive.conductor.outstanding() if each.prepared is not None]
    assert start.prepared is not None
    assert dict(start.prepared.input) == {"text": "hello"}
    drive.completes("say_it", "said")
    assert thaw(drive.finish.output)["tasks"][1]["name"] == "say-it"


def test_names_that_differ_only_in_such_characters_are_duplicates() -> None:
    text = 'chain:\n  - {name: "get it", ref: a.b, on-success: "get-it"}\n  - {name: "get-it", ref: a.b}\n'
    with pytest.raises(InvalidDefinition) as refused:
        read_workflow(text, "chain.yaml")
    assert "duplicate_task" in {each.code for each in refused.value.findings}
