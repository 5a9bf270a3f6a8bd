"""The native dialect's reader: every mistake with code, line, column and the nearest name; and nothing but findings."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.definitions import Finding, InvalidDefinition, Workflow, read_workflow
from stretto.definitions.dialects import read_with_findings
from stretto.definitions.expressions import Moment
from stretto.definitions.model.workflow import Share
from stretto.definitions.validation import examine_reading
from tests.support.evaluating import finding_of, findings_of, reading, snapshot_of

CHECK = """\
version: "1.0.0"
ref: ops.check
parameters:
  servers: {type: array, required: true, items: {type: object}}
  level: {type: string, default: info, enum: [info, debug]}
vars: {healthy: 0}
tasks:
  - name: check
    action: core.http
    with_items: "{{ parameters.servers }}"
    concurrency: 50
    max_failures: 2%
    input: {url: "http://{{ item.host }}:{{ item.port }}/health"}
    timeout: 5
    delay: 0.5
    retry: {count: 3, delay: 1, backoff: exponential, max_delay: 30, on_error: "{{ error.kind == 'failed' }}"}
    next:
      - when: "{{ succeeded() }}"
        publish: [{report: "{{ result() }}"}, whole]
        do: [summarize]
      - when: failed() or timed_out()
        do: alert
  - name: summarize
    join: all
    action: core.echo
    input: {message: "{{ workflow.report | length }} servers"}
  - name: alert
    action: core.log
output_map: {report: "{{ workflow.report }}"}
cancellation_policy: cancel_running
"""
CYCLE = """\
version: "1"
vars:
  - n: 0
tasks:
  start:
    action: core.noop
    next: [{do: step}]
  step:
    action: core.echo
    input:
      message: |
        {% for i in range(workflow.n) %}{{ i }}
        {% endfor %}
    next:
      - when: "{{ workflow.n < 3 }}"
        publish: {n: "{{ workflow.n + 1 }}"}
        do: [step]
      - {when: "{{ workflow.n >= 3 }}", do: [end]}
  end: {action: core.noop, join: 1}
"""


@pytest.mark.parametrize("kind", ["lines", "jsonl", "csv"])
def test_items_may_be_in_a_file(kind: str) -> None:
    """Its path, and that of the file of results, are texts that may hold expressions."""
    text = f"with_items: {{{kind}: 'in/{{{{ parameters.x }}}}'}}\n    results: {{jsonl: out}}\n    max_failures: 3"
    (task, _) = reading(task_with(text).replace("tasks:", "parameters: {x: {}}\ntasks:")).tasks.values()
    assert task.with_items is not None
    assert (task.with_items.kind, task.with_items.max_failures, task.with_items.streams) == (kind, 3, True)
    assert [each.source for each in task.with_items.source.expressions()] == ["parameters.x"]
    assert task.with_items.results is not None


@pytest.mark.parametrize("choice", ["fail", "skip", "collect"])
def test_a_file_of_json_lines_says_what_a_bad_line_does(choice: str) -> None:
    """It fails the task, unless the definition says otherwise."""
    sources = [f"{{jsonl: a, on_bad_line: {choice}}}", "{jsonl: a}"]
    tasks = [reading(task_with(f"with_items: {source}")).tasks["one"] for source in sources]
    assert [task.with_items and task.with_items.on_bad_line for task in tasks] == [choice, "fail"]


def test_wrong_items_are_reported_with_the_valid_forms() -> None:
    """The finding lists all forms of `with_items`."""
    finding = finding_of(task_with("with_items: 5"))
    assert finding.expected == (
        "a list, an expression that gives one, or an object with a file of items (lines: PATH, jsonl: PATH, csv: PATH)"
    )


def test_the_whole_of_a_definition_is_read() -> None:
    """Each field ends in the model, whatever its spelling."""
    workflow = reading(CHECK)
    check = workflow.tasks["check"]
    assert (workflow.ref, workflow.version, list(workflow.tasks)) == (
        "ops.check",
        "1.0.0",
        ["check", "summarize", "alert"],
    )
    assert (workflow.cancellation_policy, workflow.fail_fast, workflow.warnings) == ("cancel_running", False, ())
    assert check.with_items is not None
    assert check.with_items.max_failures == Share(Fraction(1, 50))
    assert [each.targets for each in check.transitions] == [("summarize",), ("alert",)]
    assert [each.name for each in check.transitions[0].publish] == ["report", "whole"]
    assert check.transitions[0].publish[1].value is None
    assert workflow.tasks["summarize"].join == "all"
    assert check.retry is not None
    assert (check.retry.backoff, check.retry.count.evaluate(snapshot_of(), Moment(0, ""))) == ("exponential", 3)


def test_a_ref_is_the_files_stem_by_default() -> None:
    """Without `ref`, a workflow is called as its file."""
    assert read_workflow("version: '1'\ntasks: {a: {action: core.noop}}", "packs/ops/check.yaml").ref == "check"


def task_with(line: str) -> str:
    """Return a definition whose one task has one more line, which is line 5."""
    one, two = (f"  - name: {name}\n    action: core.noop\n" for name in ("one", "two"))
    return f'version: "1"\ntasks:\n{one}    {line}\n{two}'


MISTAKES: dict[str, tuple[str, str, int, int, str]] = {
    "field of a task": (task_with("concurency: 5"), "unknown_field", 5, 5, "did you mean 'concurrency'?"),
    "field of a workflow": (
        "version: '1'\ntask: []\ntasks: {a: {action: core.noop}}",
        "unknown_field",
        2,
        1,
        "did you mean 'tasks'?",
    ),
    "field of a transition": (task_with("next: [{wen: x, do: two}]"), "unknown_field", 5, 13, "did you mean 'when'?"),
    "field of a retry": (
        task_with("retry: {count: 1, backof: linear}"),
        "unknown_field",
        5,
        23,
        "did you mean 'backoff'?",
    ),
    "field of a parameter": (
        "version: '1'\nparameters: {a: {tpe: string}}\ntasks: {a: {action: core.noop}}",
        "unknown_field",
        2,
        18,
        "did you mean 'type'?",
    ),
    "target": (task_with("next: [{do: [tow]}]"), "unknown_task", 5, 18, "did you mean 'two'?"),
    "choice": (task_with("retry: {count: 1, backoff: expontial}"), "bad_choice", 5, 32, "did you mean 'exponential'?"),
    "policy": (
        "version: '1'\ncancellation_policy: allow_finsh\ntasks: {a: {action: core.noop}}",
        "bad_choice",
        2,
        22,
        "did you mean 'allow_finish'?",
    ),
    "type of a parameter": (
        "version: '1'\nparameters: {a: {type: strng}}\ntasks: {a: {action: core.noop}}",
        "bad_choice",
        2,
        24,
        "did you mean 'string'?",
    ),
    "function": (task_with('input: {a: "{{ lenght(1) }}"}'), "unknown_function", 5, 17, "did you mean 'length'?"),
    "filter": (task_with('input: {a: "{{ 1 | lenght }}"}'), "unknown_filter", 5, 17, "did you mean 'length'?"),
    "test": (task_with('input: {a: "{{ 1 is defned }}"}'), "unknown_test", 5, 17, "did you mean 'defined'?"),
    "function without call": (
        task_with('next: [{when: "{{ succeeded }}"}]'),
        "uncalled_function",
        5,
        20,
        "succeeded()",
    ),
    "item without items": (task_with('input: {a: "{{ item }}"}'), "item_outside_with_items", 5, 17, ""),
    "item in concurrency": (
        task_with('with_items: [1]\n    concurrency: "{{ item }}"'),
        "item_outside_with_items",
        6,
        19,
        "",
    ),
    "result in an input": (task_with('input: {a: "{{ result() }}"}'), "no_completion", 5, 17, "task.NAME"),
    "unquoted expression": (task_with("input: {a: {{ item }}}"), "yaml_unquoted_expression", 5, 17, "{{ ... }}"),
    "missing action": ("version: '1'\ntasks:\n  - name: a\n", "missing_field", 3, 5, ""),
    "missing tasks": ("version: '1'\n", "missing_field", 1, 1, ""),
    "no tasks": ("version: '1'\ntasks: []\n", "no_tasks", 2, 8, ""),
    "no entry": (
        "version: '1'\ntasks: {a: {action: core.noop, next: [{do: b}]}, b: {action: core.noop, next: [{do: a}]}}",
        "no_entry",
        2,
        9,
        "",
    ),
    "next as a text": (task_with("next: two"), "wrong_type", 5, 11, ""),
    "concurrency below one": (task_with("with_items: [1]\n    concurrency: 0"), "wrong_type", 6, 18, ""),
    "negative max_failures": (task_with("with_items: [1]\n    max_failures: -1"), "wrong_type", 6, 19, ""),
    "share above all": (task_with("with_items: [1]\n    max_failures: 101%"), "wrong_type", 6, 19, ""),
    "share with spaces before": (task_with("with_items: [1]\n    max_failures: x%"), "wrong_type", 6, 19, ""),
    "expression that is not closed": (
        task_with('input: {a: "{{ 1 + 2"}'),
        "expression_syntax",
        5,
        17,
        "close it with }}; within double quotes",
    ),
    "quotes that end an expression": (
        task_with('with_items: "{{ f("'),
        "expression_syntax",
        5,
        18,
        "write the quotes of an expression as single ones",
    ),
    "retry that is a number": (task_with("retry: 3"), "wrong_type", 5, 12, "an object, such as {count: 3}"),
    "retry without count": (task_with("retry: {delay: 1}"), "missing_field", 5, 12, ""),
    "concurrency alone": (task_with("concurrency: 5"), "without_items", 5, 5, ""),
    "items that are no list": (task_with("with_items: 5"), "wrong_type", 5, 17, ""),
    "a file of nothing": (task_with("with_items: {}"), "bad_choice", 5, 17, ""),
    "bad lines of a text": (task_with("with_items: {lines: a, on_bad_line: skip}"), "bad_choice", 5, 28, ""),
    "bad lines ignored": (task_with("with_items: {jsonl: a, on_bad_line: ignore}"), "bad_choice", 5, 41, ""),
    "bad lines of no file": (task_with("with_items: {on_bad_line: skip}"), "bad_choice", 5, 17, ""),
    "two files": (task_with("with_items: {lines: a, csv: b}"), "bad_choice", 5, 17, ""),
    "file of an unknown kind": (task_with("with_items: {line: a}"), "unknown_field", 5, 18, "did you mean 'lines'?"),
    "file without a path": (task_with("with_items: {jsonl: 3}"), "wrong_type", 5, 25, ""),
    "file without a name": (task_with("with_items: {jsonl: ''}"), "wrong_type", 5, 25, ""),
    "files in a list": (task_with("with_items: {csv: [a]}"), "wrong_type", 5, 23, ""),
    "item in a path": (task_with('with_items: {csv: "{{ item }}"}'), "item_outside_with_items", 5, 24, ""),
    "share of a file": (task_with("with_items: {lines: a}\n    max_failures: 2%"), "wrong_type", 6, 19, ""),
    "results alone": (task_with("results: {jsonl: a}"), "without_items", 5, 5, ""),
    "results of an unknown kind": (
        task_with("with_items: [1]\n    results: {csv: a}"),
        "unknown_field",
        6,
        15,
        "",
    ),
    "results that name no file": (task_with("with_items: [1]\n    results: a"), "wrong_type", 6, 14, ""),
    "join of nothing": (task_with("join: 0"), "wrong_type", 5, 11, ""),
    "join beyond all": (
        task_with("next: [{do: two}]").replace("two\n    action", "two\n    join: 2\n    action"),
        "impossible_join",
        6,
        5,
        "",
    ),
    "action without a pack": (task_with("x: 1").replace("core.noop\n    x: 1", "noop"), "bad_action", 4, 13, ""),
    "name of a variable": ("version: '1'\nvars: {a b: 1}\ntasks: {a: {action: core.noop}}", "bad_name", 2, 8, ""),
    "name of a task": ("version: '1'\ntasks:\n  - name: 1a\n    action: core.noop", "bad_name", 3, 11, ""),
    "two tasks of a name": (
        task_with("x: 1").replace("    x: 1\n", "").replace("two", "one"),
        "duplicate_task",
        5,
        5,
        "line 3",
    ),
    "wait_for": (task_with("wait_for: x"), "wrong_type", 5, 15, ""),
    "shell text": (
        task_with('input: {cmd: "ls {{ parameters.x }}"}').replace("core.noop\n    i", "core.local\n    i"),
        "rendered_command",
        5,
        22,
        "env",
    ),
    "negative delay": (task_with("delay: -1"), "wrong_type", 5, 12, ""),
    "default of the wrong type": (
        "version: '1'\nparameters: {a: {type: integer, default: x}}\ntasks: {a: {action: core.noop}}",
        "bad_default",
        2,
        42,
        "",
    ),
}


@pytest.mark.parametrize(("text", "code", "line", "column", "hint"), MISTAKES.values(), ids=MISTAKES)
def test_each_typical_mistake_is_reported_with_its_place_and_fix(
    text: str, code: str, line: int, column: int, hint: str
) -> None:
    """The one finding has the code, the line and the column of the mistake, and names the nearest valid name."""
    finding = finding_of(text)
    assert (finding.code, finding.place.line, finding.place.column) == (code, line, column)
    assert hint in f"{finding.hint} {finding.message} {finding.expected}"
    assert str(finding).startswith(f"test.yaml:{line}:{column}: error: ")


def test_all_mistakes_of_a_file_are_reported_in_its_order() -> None:
    """Reading goes on after a mistake, and the findings come in the file's order."""
    text = (
        task_with("concurency: 5\n    timeout: soon\n    input: {a: '{{ uper(1) }}'}\n    next: [{do: three}]")
        + "extra: 1\n"
    )
    codes = [(each.code, each.place.line) for each in findings_of(text)]
    assert codes == [
        ("unknown_field", 5),
        ("wrong_type", 6),
        ("unknown_function", 7),
        ("unknown_task", 8),
        ("unknown_field", 11),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("tasks: {a: {action: core.noop}}", "missing_version"),
        ("version: '1'\ntasks: {a: {action: core.noop, worker_selector: x}}", "ignored_field"),
        ("version: '1'\npermission_set_refs: [x]\ntasks: {a: {action: core.noop}}", "ignored_field"),
        (
            "version: '1'\nparameters: {a: {required: true, default: 1}}\ntasks: {a: {action: core.noop}}",
            "useless_default",
        ),
        (
            (
                "version: '1'\ntasks: {a: {action: core.noop}, b: {action: core.noop, next: [{do: c}]}, "
                "c: {action: core.noop, next: [{do: b}]}}"
            ),
            "unreachable_task",
        ),
        (
            (
                "version: '1'\ntasks: {a: {action: core.noop, next: [{do: c}]}, b: {action: core.noop, "
                "next: [{do: c}]}, c: {action: core.noop}}"
            ),
            "no_join",
        ),
    ],
)
def test_what_is_doubtful_is_a_warning(text: str, code: str) -> None:
    """A warning does not keep a definition from running."""
    assert code in {each.code for each in reading(text).warnings}


def test_only_failed_beside_a_timeout_is_a_warning() -> None:
    """A task with a timeout and only a `failed()` transition is warned about: a time-out would be unhandled."""
    text = task_with("timeout: 5\n    next: [{when: '{{ failed() }}', do: two}]")
    assert reading(text).warnings


def test_an_unknown_target_is_reported_with_its_place() -> None:
    """Of several targets on several lines, the wrong one is pointed at."""
    finding = finding_of(task_with("next:\n      - do:\n          - two\n          - tow"))
    assert (finding.place.line, finding.place.column) == (8, 13)


def test_an_empty_target_is_a_mistake() -> None:
    """`do: ""` leads nowhere and is most likely a mistake."""
    findings_of(task_with('next: [{do: ""}]'))


def test_aliases_do_not_multiply_the_work_of_reading() -> None:
    """An anchored expression is compiled once, however many aliases repeat it."""
    text = 'version: "1"\nvars: {x: &a "{{ 1 + 1 }}"}\ntasks: {t: {action: core.noop, input: {l: [' + "*a," * 3 + "]}}}"
    members = reading(text).tasks["t"].input.members["l"].members  # type: ignore[attr-defined]
    assert members[0] is members[1]


def test_expressions_in_every_scalar_field_are_compiled_when_read() -> None:
    """An invalid expression is found at every place for expressions."""
    places = [
        "delay: '{{ x'",
        "timeout: '{{ x'",
        "retry: {count: '{{ x'}",
        "retry: {count: 1, delay: '{{ x'}",
        "retry: {count: 1, on_error: '{{ x'}",
        "retry: {count: 1, max_delay: '{{ x'}",
        "with_items: '{{ x'",
        "with_items: ['{{ x']",
        "with_items: [1]\n    concurrency: '{{ x'",
        "input: {a: [{b: '{{ x'}]}",
        "next: [{when: '{{ x'}]",
        "next: [{when: 'x +'}]",
        "next: [{publish: {a: '{{ x'}}]",
        "next: [{publish: [{a: {b: '{{ x'}}]}]",
    ]
    for place in places:
        assert [each.code for each in findings_of(task_with(place))] == ["expression_syntax"], place


# ---- nothing but findings

SEEDS = (CHECK, CYCLE, json.dumps({"version": "1", "tasks": {"a": {"action": "core.noop", "input": {"x": "{{ 1 }}"}}}}))
SNIPPETS = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "'",
        '"',
        ":",
        "- ",
        "\n",
        "  ",
        "\t",
        "[",
        "]",
        "{",
        "}",
        "&a",
        "*a",
        "!x",
        "|",
        ">",
        "#",
        "%",
        "null",
        "true",
        "1e9",
        "-1",
        "{{ result() }}",
        "{{ item }}",
        "{% for x in y %}",
        "{% endfor %}",
        "on_success: a",
        "\\x7f",
        "\0",
        "😀",
        "?",
        "~",
        "<<: *a",
        ".inf",
        "---\n",
        "tasks:",
        "next:",
        "join: all",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Draw a valid definition with a few deletions, duplications, swaps and insertions of characters and lines."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        by_line = draw(st.booleans())
        parts: list[Any] = text.split("\n") if by_line else list(text)
        here, there = (draw(st.integers(0, len(parts) - 1)) for _ in range(2)) if parts else (0, 0)
        match draw(st.sampled_from(["delete", "duplicate", "swap", "insert"])) if parts else "insert":
            case "delete":
                del parts[here : here + draw(st.integers(1, 3))]
            case "duplicate":
                parts.insert(there, parts[here])
            case "swap":
                parts[here], parts[there] = parts[there], parts[here]
            case _:
                parts.insert(here, draw(SNIPPETS))
        text = ("\n" if by_line else "").join(parts)
    return text


@given(mutated())
@settings(deadline=None, max_examples=300)
def test_a_mutated_definition_is_a_workflow_or_findings(text: str) -> None:
    """However a definition is damaged, reading it gives a Workflow or InvalidDefinition with findings in order."""
    findings: tuple[Finding, ...] = ()
    try:
        workflow: Workflow | None = read_workflow(text, "test.yaml")
    except InvalidDefinition as error:
        workflow, findings = None, error.findings
    assert (workflow is None) is bool(findings)
    places = [(each.place.line, each.place.column) for each in findings]
    assert places == sorted(places)
    assert all(each.severity == "error" and each.code and each.place.line >= 1 for each in findings)


def test_a_task_begins_where_its_name_stands() -> None:
    """In a list at its first field, in an object of tasks at its key."""
    listed = read_workflow("version: '1'\ntasks:\n  - action: core.noop\n    name: a\n", "x.yaml")
    named = read_workflow("version: '1'\ntasks:\n  a:\n    action: core.noop\n", "x.yaml")
    assert [(each.tasks["a"].place.line, each.tasks["a"].place.column) for each in (listed, named)] == [(3, 5), (3, 3)]


def test_the_delivery_of_a_task_is_one_of_two_words() -> None:
    """Without it, at least once; another word is an error with the nearest, and a parallel task has none."""
    assert reading(task_with("timeout: 1")).tasks["one"].delivery == "at_least_once"
    for word in ("at_least_once", "at_most_once"):
        assert reading(task_with(f"delivery: {word}")).tasks["one"].delivery == word
    finding = finding_of(task_with("delivery: at_most_one"))
    assert (finding.code, finding.hint) == ("bad_choice", "did you mean 'at_most_once'?")
    assert finding.expected == "at_least_once, at_most_once"
    parallel = "{name: p, type: parallel, delivery: at_most_once, tasks: [{name: x, action: core.noop}]}"
    assert finding_of(f'version: "1"\ntasks: [{parallel}]\n').code == "unknown_field"


def test_iterate_cache_is_one_finding() -> None:
    """What only follows from it is not reported: `item` and `batch_size`."""
    text = (
        'ref: a.b\nversion: "1"\ntasks:\n'
        "  - {name: a, action: core.echo, iterate_cache: {namespace: users}, batch_size: 10, concurrency: 4, "
        'input: {message: "{{ item }} {{ index }}"}}\n'
    )
    found = examine_reading(read_with_findings(text, "x.yaml"), None).findings
    assert [each.code for each in found] == ["unsupported_field"]
