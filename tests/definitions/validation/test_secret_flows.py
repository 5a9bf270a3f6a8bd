"""Which values of a definition flow into secret parameters."""

from collections.abc import Iterable

import pytest

from stretto.definitions.context.secrecy import Fields, Secrecy, within
from stretto.definitions.validation.secret_flows import MAX_FIELDS, secrecy_of
from tests.support.evaluating import reading

FRAME = """
parameters: {{a: {{}}, b: {{}}, hosts: {{type: array}}}}
vars: [{{copy: "{{{{ parameters.a }}}}"}}]
tasks:
  - name: first
    action: core.echo
    input: {{message: hello}}
    next: [{{publish: [whole, {{part: "{{{{ result().token }}}}"}}], do: taker}}]
  - name: taker
    action: core.echo
    with_items: {items}
    input: {{message: {value}}}
"""


def secrecy(value: str, items: str = "[1]", fields: Iterable[Fields] = (("message",),)) -> Secrecy:
    """Return what flows into the secret `message` of a task."""
    return secrecy_of(reading(FRAME.format(value=value, items=items)), {"taker": frozenset(fields)})


@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        ('"{{ parameters.a }}"', {"a": {()}}),
        ('"{{ parameters.a.token }}"', {"a": {("token",)}}),
        ("\"{{ parameters['a'].keys[0]['token'] }}\"", {"a": {("keys", "token")}}),
        ('"{{ parameters.a | upper | trim }}"', {"a": {()}}),
        ('"{{ upper(parameters.a) }}"', {"a": {()}}),
        ('"{{ parameters.a.split(parameters.b) }}"', {"a": {()}, "b": {()}}),
        ('"Bearer {{ parameters.a }}"', {"a": {()}}),
        ('"{{ parameters.a ~ parameters.b }}"', {"a": {()}, "b": {()}}),
        ("\"{{ parameters.a if parameters.b == 1 else 'none' }}\"", {"a": {()}}),
        ('"{{ parameters.hosts[parameters.b].token }}"', {"hosts": {()}}),
        ('"{{ workflow.copy }}"', {"a": {()}}),
        ('"{{ copy }}"', {"a": {()}}),
        ('{x: "{{ parameters.a }}", y: ["{{ parameters.b }}"]}', {"a": {()}, "b": {()}}),
        ('"{% if parameters.b %}{{ parameters.a }}{% endif %}"', {"a": {()}, "b": {()}}),
    ],
)
def test_parameters_are_found_by_the_fields_that_are_read(value: str, parameters: dict[str, set[Fields]]) -> None:
    """Through filters, functions, texts and variables; what is only asked for is no part of the value."""
    assert secrecy(value).parameters == parameters


def test_items_lead_to_the_list_that_they_come_from() -> None:
    """A field of an item is that field of each member."""
    assert secrecy('"{{ item.token }}"', '"{{ parameters.hosts }}"').parameters == {"hosts": {("token",)}}
    assert secrecy('"{{ item }}"', '["abcdef", "{{ parameters.a }}"]').constants == ("abcdef",)


def test_items_of_a_file_come_from_nowhere_in_the_definition() -> None:
    """Its path is no secret; what is in it is taken as each item's input is rendered."""
    found = secrecy('"{{ item.token }}"', '{jsonl: "{{ parameters.a }}"}')
    assert (found.parameters, found.constants) == ({}, ())


def test_results_are_found_however_they_are_published() -> None:
    """`task.first.token`, a variable that took it, and one that took the whole result."""
    for value in ("{{ task.first.token }}", "{{ task.first.result.token }}", "{{ part }}", "{{ whole.token }}"):
        assert secrecy(f'"{value}"').tasks == {"first": {("result", "token")}}, value


@pytest.mark.parametrize(
    ("value", "constants"),
    [
        ("abcdef", ("abcdef",)),
        ('{x: "abcdef", y: 7}', ({"x": "abcdef", "y": 7},)),
        ("\"{{ 'abcdef' | upper }}\"", ("abcdef",)),
        ("\"{{ parameters.a | default('abcdef') }}\"", ("abcdef",)),
        ("\"{{ 'Bearer ' ~ parameters.a }}\"", ()),
        ('"Bearer {{ parameters.a }}"', ()),
    ],
)
def test_a_constant_is_secret_where_it_is_the_whole_value(value: str, constants: tuple[object, ...]) -> None:
    """The text around a secret is not secret."""
    assert secrecy(value).constants == constants


def test_a_variable_that_is_made_of_itself_ends() -> None:
    """The fields that are followed are bounded."""
    text = (
        "vars: [{x: 1}]\n"
        "tasks: {t: {action: core.echo, input: {message: '{{ workflow.x }}'}, "
        "next: [{publish: [{x: '{{ workflow.x.next }}'}], do: [t]}]}}"
    )
    found = secrecy_of(reading(text), {"t": frozenset({("message",)})})
    assert len(found.variables["x"]) == MAX_FIELDS + 1


def test_fields_lead_into_lists_and_objects() -> None:
    """A list on the way stands for each of its members; a field that is not there leads to nothing."""
    value = {"hosts": [{"token": 1}, {"other": 2}, {"token": {"x": 3}}, 4]}
    assert list(within(value, ("hosts", "token"))) == [1, {"x": 3}]
    assert list(within(value, ())) == [value]
    assert list(within(value, ("nothing", "token"))) == []
