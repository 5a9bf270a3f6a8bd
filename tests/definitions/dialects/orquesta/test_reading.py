"""Orquesta's definitions become the one model; what is short is written out, what is a command is put in."""

import pytest

from stretto.definitions import InvalidDefinition, Workflow
from stretto.definitions.dialects import read_as_orquesta, read_workflow
from stretto.definitions.drawing import mermaid, picture_of
from stretto.definitions.expressions import Constant, ObjectTemplate, Template
from stretto.definitions.model.semantics import ORQUESTA

WHOLE = """version: 1.0
description: everything
input:
  - hosts
  - port: 010
vars:
  - flag: yes
tasks:
  check:
    with:
      items: h, p in <% zip(ctx(hosts), list(ctx(port))) %>
      concurrency: 2
    action: net.check host=<% item(h) %> deep=true
    retry: {count: 2, when: <% failed() %>}
    next:
      - when: <% succeeded() %>
        publish: seen=<% result() %> n=3
        do: tell, noop
      - when: <% failed() %>
        do: [retry, fail]
      - publish:
          - m: {a: 1}
  tell:
    join: all
    action: <% ctx(flag) %>.say
    input: <% ctx(n) %>
output:
  - seen: <% ctx(seen) %>
"""


def read(text: str = WHOLE) -> Workflow:
    """Read a workflow."""
    return read_workflow(text, "a/whole.yaml")


def source(template: Template | None) -> list[str]:
    """Return the sources of a template's expressions."""
    assert template is not None
    return [each.source for each in template.expressions()]


def test_the_workflow_itself() -> None:
    """Inputs come in order, a default as YAML 1.1 reads it; the file gives the name."""
    workflow = read()
    assert (workflow.ref, workflow.semantics, workflow.description) == ("whole", ORQUESTA, "everything")
    assert [each.name for each in workflow.inputs] == ["hosts", "port"]
    assert [(each.name, each.default, each.required) for each in workflow.parameters.values()] == [
        ("hosts", None, False), ("port", 8, False),
    ]  # fmt: skip
    (flag,) = workflow.variables
    assert flag.name == "flag"
    assert isinstance(flag.value, Constant)
    assert flag.value.value is True
    assert workflow.output is not None
    assert [each.name for each in workflow.output] == ["seen"]


def test_a_task_with_everything() -> None:
    """Inline parameters are the input, the command `retry` replaces the task's own retry, `continue` is put in."""
    task = read().tasks["check"]
    assert (task.action, task.action_expression) == ("net.check", None)
    assert isinstance(task.input, ObjectTemplate)
    assert list(task.input.members) == ["host", "deep"]
    assert task.with_items is not None
    assert task.with_items.names == ("h", "p")
    assert source(task.with_items.source) == ["zip(ctx(hosts), list(ctx(port)))"]
    assert task.retry is not None
    assert isinstance(task.retry.count, Constant)
    assert task.retry.count.value == 3
    assert source(task.retry.on_error) == ["failed()"]
    assert [(each.number, each.targets) for each in task.transitions] == [
        (0, ("tell", "noop")), (1, ("fail",)), (2, ("continue",)),
    ]  # fmt: skip
    assert [each.name for each in task.transitions[0].publish] == ["seen", "n"]


def test_an_action_may_be_an_expression() -> None:
    """Then its source is kept beside it."""
    task = read().tasks["tell"]
    assert task.action == "<% ctx(flag) %>.say"
    assert source(task.action_expression) == ["ctx(flag)"]
    assert task.join == "all"


def test_a_transition_of_nothing_but_retry_is_none() -> None:
    """Without a condition it tries again whatever happened."""
    task = read("version: 1.0\ntasks: {a: {action: x.y, next: [{do: retry}]}}\n").tasks["a"]
    assert task.transitions == ()
    assert task.retry is not None
    assert isinstance(task.retry.on_error, Constant)
    assert task.retry.on_error.value is True


def test_items_are_cut_at_the_first_in() -> None:
    """Wherever it stands."""
    task = read("version: 1.0\nvars: [{xs: []}]\ntasks: {a: {action: x.y, with: '<% ctx(xs).any($ in [1]) %>'}}\n")
    items = task.tasks["a"].with_items
    assert items is not None
    assert isinstance(items.source, Constant)
    assert items.source.value == "[1]) %>"


@pytest.mark.parametrize(
    ("name", "hint"), [("get it", "write get_it"), ("get-it", "write get_it"), ("a.b", "write a_b"), ("a\\u00a0b", "")]
)
def test_a_name_of_a_task_that_orquesta_cannot_load_is_an_error(name: str, hint: str) -> None:
    """Its specification of tasks has names of letters, digits and _ only. The hint is a name that it has."""
    reading = read_as_orquesta(f'version: 1.0\ntasks: {{"{name}": {{action: core.noop}}}}', "w.yaml")
    (found,) = reading.findings
    assert (found.code, found.severity) == ("bad_name", "error")
    assert hint in found.hint


@pytest.mark.parametrize("name", ["get_it", "2", "_", "größe", "任务"])
def test_a_name_of_a_task_may_have_letters_of_any_language(name: str) -> None:
    """As in Orquesta."""
    assert list(
        read_as_orquesta(f"version: 1.0\ntasks: {{'{name}': {{action: core.noop}}}}", "w.yaml").usable().tasks
    ) == [name]


def test_what_is_wrong_refuses_the_file() -> None:
    """With every error, in the file's order."""
    with pytest.raises(InvalidDefinition) as caught:
        read("version: 1.0\nfoo: 1\ntasks: {a: {next: [{do: b}]}}\n")
    assert [each.code for each in caught.value.findings] == ["unknown_field", "unknown_task"]


def test_names_of_the_parent_context_are_known() -> None:
    """A caller that gives runs more variables than their inputs passes their names."""
    text = "version: 1.0\ntasks: {a: {action: x.y, input: {m: '<% ctx().parent.user %>'}}}\n"
    assert [each.code for each in read_as_orquesta(text, "f").findings] == ["unknown_variable"]
    assert read_as_orquesta(text, "f", context=["parent"]).findings == ()


def test_commands_are_drawn_and_a_simple_end_is_not() -> None:
    """A command that tasks lead to has a box of its own."""
    text = mermaid(picture_of(read()))
    assert '(["noop"])' in text
    assert '(["fail"])' in text
    assert "continue" not in text
