"""Inspection's categories and paths, compared with those of Orquesta's library for the same definitions."""

import pytest

from stretto.definitions.dialects import read_as_orquesta
from stretto.definitions.dialects.orquesta import inspection

START = "version: 1.0\n"
REPORTS = {
    "no document": ("", ["load"]),
    "a list": ("- 1\n", ["load"]),
    "a task without anything": (START + "tasks: {a: {}}\n", ["load"]),
    "a name": (START + "tasks: {a-b: {action: x.y}}\n", ["load"]),
    "what cannot be loaded hides the rest": (START + "foo: 1\ntasks: {a: {with: [1], next: [{do: b}]}}\n", ["load"]),
    "no tasks": (START + "tasks: {}\n", ["syntax tasks"]),
    "unknown fields are one error": (START + "foo: 1\nbar: 2\ntasks: {a: {action: x.y, z: 1}}\n",
        ["syntax None", "syntax tasks.a"]),
    "a publish that is no list": (START + "tasks: {a: {next: [{publish: {x: 1, y: 2}}]}}\n",
        ["syntax tasks.a.next[0].publish"]),
    "a retry without count": (START + "tasks: {a: {retry: {delay: 1}}}\n", ["syntax tasks.a.retry"]),
    "the same twice": (START + "vars: [{a: 1}, {a: 1}]\ntasks: {a: {action: x.y}}\n", ["syntax vars"]),
    "a name that is no text": (START + "vars: [{on: 1}]\ntasks: {a: {action: x.y}}\n", ["load"]),
    "no start": (START + "tasks: {a: {next: [{do: a}]}}\n", ["semantics tasks"]),
    "no such task": (START + "tasks: {a: {next: [{do: [b]}]}}\n", ["semantics tasks.a.next[0].do"]),
    "no such task, but no way there": (
        START + "tasks: {s: {action: x.y}, a: {next: [{do: b}]}, b: {next: [{do: a}, {do: nope}]}}\n", []),
    "reserved": (START + "tasks: {retry: {action: x.y}}\n", ["semantics tasks.retry"]),
    "syntax of an expression": (START + "vars: [{a: '{{ 1 +/ 2 }}'}]\ntasks: {a: {action: x.y}}\n",
        ["expressions vars"]),
    "an unknown variable, in place": (START + "vars: [{a: 1}, {b: '{{ ctx(\"c\") }}'}]\ntasks: {a: {action: x.y}}\n",
        ["context vars[1]"]),
    "an inline parameter is the input's": (
        START + "tasks: {a: {action: 'x.y m=<% ctx(c) %>'}}\n",
        ["context tasks.a.input"],
    ),
    "a transition of two targets is looked at twice": (
        START + "tasks: {a: {next: [{when: '{{ ctx(\"c\") }}', do: [b, noop]}]}, b: {action: x.y}}\n",
        ["context tasks.a.next[0].when"] * 2),
    "the retry is not examined": (
        START + "tasks: {a: {action: x.y, retry: {count: 1, when: '{{ ctx(\"c\") }}'}}}\n", []),
    "a comparison is taken for an inline parameter": (
        START + "tasks: {a: {action: x.y, next: [{when: '{{ ctx().c==1 and k=1 }}'}]}}\n",
        ["expressions tasks.a.next[0].when"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REPORTS.values(), ids=REPORTS)
def test_errors_are_reported_by_category(text: str, expected: list[str]) -> None:
    """The report equals that of Orquesta 1.6."""
    report = inspection(read_as_orquesta(text, "f.yaml").findings)
    listed = [
        category if category == "load" else f"{category} {entry['spec_path']}"
        for category, entries in report.items()
        for entry in entries
    ]
    assert sorted(listed) == sorted(expected)
