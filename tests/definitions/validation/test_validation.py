"""Validation: about a hundred bad definitions with every finding of each, and good ones without any."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from stretto.definitions import Finding, read_workflow
from stretto.definitions.dialects import MAX_FINDINGS, reading
from stretto.definitions.validation import check, examine
from stretto.definitions.validation.paths import MAX_TASKS
from tests.support.cpu_limit import cpu_limit
from tests.support.known_actions import FewActions
from tests.support.paths import BAD, EXAMPLE_DEFINITIONS

FILES = sorted(BAD.rglob("*.yaml"), key=lambda path: path.stem)
EXPECTED = re.compile(r"^#! (error|warning) (\w+) (\d+):(\d+)$", re.MULTILINE)

MOST_SECONDS = 30
"""The CPU time that a definition may take which is as large, or as hostile, as one can be."""
START = 'version: "1.0.0"\n'


def findings(tasks: str, rest: str = "") -> list[str]:
    """Return the codes of the findings in a definition with these tasks, warnings in brackets."""
    found = examine(f"{START}{rest}tasks:\n{tasks}", "test.yaml", FewActions()).findings
    return [each.code if each.severity == "error" else f"({each.code})" for each in found]


def summary(finding: Finding) -> tuple[str, str, int, int]:
    """Return severity, code, line and column."""
    return finding.severity, finding.code, finding.place.line, finding.place.column


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_finding_of_a_bad_definition_is_reported_with_its_place(path: Path) -> None:
    """The comments at the end of the file are its findings: all of them, and no others."""
    text = path.read_text()
    expected = [(severity, code, int(line), int(column)) for severity, code, line, column in EXPECTED.findall(text)]
    examination = examine(text, path.name, FewActions())
    assert expected, "the file expects nothing"
    assert [summary(each) for each in examination.findings] == expected
    assert all(each.place.file == path.name for each in examination.findings)


def test_the_bad_definitions_are_many_and_no_two_are_alike() -> None:
    """At least 60, each with a mistake of its own."""
    assert len(FILES) >= 60
    assert len({path.read_text() for path in FILES}) == len(FILES)


@pytest.mark.parametrize("path", EXAMPLE_DEFINITIONS, ids=lambda path: path.stem)
def test_the_examples_have_no_finding(path: Path) -> None:
    """The examples of the documents have no findings."""
    assert examine(path.read_text(), str(path)).findings == ()


def test_a_name_that_is_asked_for_may_be_missing() -> None:
    """After `is defined`, and under `default`, a name that is not there in time is no mistake."""
    assert not findings(
        "  - name: a\n    action: core.noop\n"
        '    input: {x: "{{ task.b.result if task.b is defined else 0 }}", y: "{{ workflow.n | default(\'\') }}"}\n'
        "    next: [{do: b}]\n"
        "  - {name: b, action: core.noop, next: [{publish: {n: 1}}]}\n"
    )


def test_a_cycle_may_read_what_its_last_lap_gave() -> None:
    """On a cycle, a task that comes later in the lap may have finished in the one before."""
    assert not findings(
        "  - {name: begin, action: core.noop, next: [{do: a}]}\n"
        '  - {name: a, action: core.noop, join: 1, input: {x: "{{ task.b.result }} {{ n }}"}, next: [{do: b}]}\n'
        '  - {name: b, action: core.noop, next: [{when: "{{ failed() }}", publish: {n: 1}, do: a}]}\n'
    )


def test_a_join_after_a_decision_of_a_task_that_runs_often_is_left_alone() -> None:
    """Of a task that two others start, one visit may succeed and the other fail: both branches are taken."""
    assert findings(
        "  - {name: p, action: core.noop, next: [{do: d}]}\n"
        "  - {name: q, action: core.noop, next: [{do: d}]}\n"
        "  - name: d\n    action: core.noop\n"
        '    next: [{when: "{{ succeeded() }}", do: a}, {when: "{{ failed() }}", do: b}]\n'
        "  - {name: a, action: core.noop, next: [{do: e}]}\n"
        "  - {name: b, action: core.noop, next: [{do: e}]}\n"
        "  - {name: e, action: core.noop, join: all}\n"
    ) == ["(no_join)"]


def test_a_join_one_after_a_decision_is_right() -> None:
    """`join: 1` waits for whichever branch is taken."""
    assert not findings(
        "  - name: d\n    action: core.noop\n"
        '    next: [{when: "{{ succeeded() }}", do: a}, {when: "{{ not succeeded() }}", do: b}]\n'
        "  - {name: a, action: core.noop, next: [{do: e}]}\n"
        "  - {name: b, action: core.noop, next: [{do: e}]}\n"
        "  - {name: e, action: core.noop, join: 1}\n"
    )


def test_the_task_that_cleans_up_may_read_anything() -> None:
    """A cancel may come at any time: of what has happened before on_cancel nothing is known."""
    assert not findings(
        "  - {name: a, action: core.noop, next: [{publish: {lock: 1}}]}\n"
        '  - {name: tidy, action: core.noop, input: {lock: "{{ workflow.lock }}", a: "{{ task.a.outcome }}"}}\n',
        rest="on_cancel: tidy\n",
    )


def test_names_of_the_definition_itself_are_known_wherever_they_are_right() -> None:
    """Own variables of a statement, `error` in on_error, items and earlier publishes are names."""
    assert not findings(
        '  - name: a\n    action: core.noop\n    with_items: "{{ parameters.rows }}"\n'
        '    input: {x: "{% set n = item %}{% for y in [n] %}{{ y }}{{ loop.index }}{% endfor %}{{ index }}"}\n'
        "    retry: {count: 1, on_error: \"{{ error.kind == 'failed' and item }}\"}\n"
        '    next: [{publish: [{one: 1}, {two: "{{ one + workflow.one }}"}], do: b}]\n'
        '  - {name: b, action: core.echo, input: {message: "{{ two }} {{ task.a.result[0] }} {{ system.run_id }}"}}\n',
        rest="parameters: {rows: {type: array}}\n",
    )


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("itme.name", "did you mean 'item'?"),
        ("indx", "did you mean 'index'?"),
        ("task.each.eror", "did you mean 'errors'?"),
        ("task.each.host", ""),
    ],
)
def test_a_misspelt_name_of_an_item_or_a_field_comes_with_the_nearest_one(expression: str, hint: str) -> None:
    """Names of items are known only in the tasks that have items."""
    each = f"  - {{name: each, action: core.noop, with_items: [1], input: {{x: '{{{{ {expression} }}}}'}}}}\n"
    (found, *_) = examine(f"{START}tasks:\n{each}", "test.yaml", FewActions()).findings
    assert (found.code in {"unknown_name", "no_such_field"}, found.hint) == (True, hint)
    one = each.replace("with_items: [1], ", "")
    (found, *_) = examine(f"{START}tasks:\n{one}", "test.yaml", FewActions()).findings
    assert "item" not in found.hint


def test_the_result_of_a_file_of_results_has_fields() -> None:
    """Its own; a list of results has none."""
    task = "  - {name: a, action: core.noop, with_items: [1], MORE next: [{do: b}]}\n"
    task += '  - {name: b, action: core.noop, input: {x: "{{ task.a.path }} {{ task.a.items + task.a.failed }}"}}\n'
    assert not findings(task.replace("MORE", "results: {jsonl: x},"))
    assert findings(task.replace("MORE", "")) == ["no_such_field"] * 3
    assert findings(task.replace("MORE", "results: {jsonl: x},").replace("a.path", "a.paths")) == ["no_such_field"]


def test_names_in_paths_are_checked() -> None:
    """Those of files of items, and of results."""
    assert findings(
        '  - {name: a, action: core.noop, with_items: {csv: "{{ parameters.x }}"},\n'
        '     results: {jsonl: "{{ workflow.y }}"}}\n'
    ) == ["unknown_parameter", "unknown_variable"]


def test_after_an_error_of_the_reader_only_what_does_not_follow_from_it_is_reported() -> None:
    """A misspelt `publish` is one mistake, not one more for each reader of the variable."""
    assert findings(
        "  - {name: a, action: core.noop, next: [{publsh: {n: 1}, do: b}]}\n"
        '  - {name: b, action: core.echo, input: {message: "{{ workflow.n }} {{ parameters.p }}"}}\n'
    ) == ["unknown_field", "unknown_parameter"]


def test_what_was_read_can_be_checked_alone() -> None:
    """`check` takes a workflow: the catalogue reads a file only once."""
    workflow = read_workflow(f'{START}tasks: [{{name: a, action: core.eco, input: {{x: "{{{{ y }}}}"}}}}]', "test.yaml")
    assert [each.code for each in check(workflow, FewActions())] == ["unknown_action", "unknown_name"]


def test_very_many_findings_are_bounded() -> None:
    """Of thousands of mistakes, the first are shown and the others counted."""
    lines = "".join(f'  - {{name: t{n}, action: core.eco, input: {{x: "{{{{ n{n} }}}}"}}}}\n' for n in range(3000))
    examination = examine(f"{START}tasks:\n{lines}", "test.yaml", FewActions())
    assert len(examination.errors) == MAX_FINDINGS + 1
    assert sorted({each.code for each in examination.findings}) == [
        "more_errors", "paths_not_checked", "unknown_action", "unknown_name",
    ]  # fmt: skip


def test_the_time_for_a_large_graph_is_bounded() -> None:
    """As many tasks and transitions as paths are followed for take seconds at most."""
    names = [f"t{n}" for n in range(MAX_TASKS)]
    lines = ""
    for number, name in enumerate(names[:-1]):
        next_ones = ", ".join(names[number + 1 : number + 11])
        lines += f"  - {{name: {name}, join: {1 if number else 'null'}, action: core.noop, next: "
        lines += f"[{{when: succeeded(), publish: {{v{name}: 1}}, do: [{next_ones}]}}]}}\n"
    last = f"  - {{name: {names[-1]}, join: all, action: core.noop}}\n"
    with cpu_limit(MOST_SECONDS):
        assert findings(lines + last) == []


@pytest.mark.parametrize(
    "message",
    [
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "a." * 20_000 + "b }}",
        "{{ " + " and ".join(["workflow.x"] * 5000) + " }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% for a in range(10 ** 9) %}{{ a }}{% endfor %}",
        "x" * 1_000_000,
    ],
    ids=["parentheses", "attributes", "conjunctions", "power", "loop", "text"],
)
def test_hostile_expressions_take_little_time(message: str) -> None:
    """Nothing of an expression is run, and one that is too large is refused."""
    with cpu_limit(MOST_SECONDS):
        examine(f'{START}tasks: [{{name: a, action: core.echo, input: {{message: "{message}"}}}}]', "test.yaml")


def test_the_time_for_many_mistakes_grows_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are compared for the findings that are shown, and no error with all tasks."""
    compared: list[str] = []

    def nearest(name: str, _known: Iterable[str]) -> str:
        compared.append(name)
        return ""

    monkeypatch.setattr(reading, "nearest", nearest)
    lines = "".join(f"  - {{name: t{n}, acton: core.noop, next: [{{do: [u{n}]}}]}}\n" for n in range(1000))
    examination = examine(f"{START}tasks:\n{lines}", "test.yaml", FewActions())
    assert len(examination.errors) == MAX_FINDINGS + 1
    assert len(compared) <= MAX_FINDINGS


def test_paths_of_very_many_transitions_are_not_followed() -> None:
    """And of fewer, they are: also where the file has the tasks in the reverse of their order."""
    targets = ", ".join(f"t{n}" for n in range(80))
    dense = "".join(f"  - {{name: t{n}, action: core.noop, join: 1, next: [{{do: [{targets}]}}]}}\n" for n in range(80))
    first = "  - {name: s, action: core.noop, next: [{do: [t0]}]}\n"
    found = examine(f"{START}tasks:\n{first}{dense}", "test.yaml", FewActions()).findings
    (finding,) = (each for each in found if each.code == "paths_not_checked")
    assert finding.message == "paths are not checked, because there are more than 5,000 transitions"
    leads = "next: [{publish: {v%d: 1}, do: [t%d]}]"
    chain = "".join(f"  - {{name: t{n}, action: core.noop, {leads % (n, n - 1)}}}\n" for n in range(1, 300))
    last = '  - {name: t0, action: core.echo, input: {message: "{{ workflow.v299 }}"}}\n'
    assert examine(f"{START}tasks:\n{chain}{last}", "test.yaml", FewActions()).findings == ()
