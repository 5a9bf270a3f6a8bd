"""What docs/stackstorm.md says Stretto decides differently from Orquesta is what happens: a rehearsal for each row."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from tests.support.paths import DOCS

PAGE = (DOCS / "stackstorm.md").read_text()
TABLE = PAGE.split("| when | Orquesta 1.6 | here | why |")[1].split("\n\n")[0]
ROWS = re.findall(r"^\| (.+?) \| .+ \| .+ \| .+ \|$", TABLE, re.MULTILINE)
ITEMS = """\
version: 1.0
vars: [{numbers: [1, 2, 3]}]
tasks:
  many:
    with: {items: <% ctx(numbers) %>, concurrency: 2}
    action: core.noop
  other: {action: core.noop}
"""
RETRY = """\
version: 1.0
tasks:
  again: {action: core.noop, retry: {count: 2, delay: 60}}
  other: {action: core.noop}
"""
TWICE = """\
version: 1.0
vars: [{numbers: [1, 2]}]
tasks:
  first: {action: core.noop, next: [{do: twice}]}
  second: {action: core.noop, next: [{do: twice}]}
  twice: {join: 1, action: core.noop, next: [{publish: [{got: <% result() %>}]}], WITH}
output: [{got: <% ctx(got) %>}]
"""
DECISIONS = {
    "one branch publishes into an object": (
        """\
version: 1.0
vars: [{both: {}}]
tasks:
  fork:
    action: core.noop
    next: [{publish: [{both: {left: 1}}], do: left}, {publish: [{both: {right: 1}}], do: right}]
  left: {action: core.noop, input: {sees: <% ctx(both) %>}, next: [{do: joined}]}
  right: {action: core.noop, input: {sees: <% ctx(both) %>}, next: [{do: joined}]}
  joined: {join: all, action: core.noop, input: {sees: <% ctx(both) %>}}
""",
        """\
expect:
  actions:
    - {task: fork}
    - {task: left, input: {sees: {left: 1}}}
    - {task: right, input: {sees: {right: 1}}}
    - {task: joined, input: {sees: {left: 1, right: 1}}}
""",
    ),
    "a task with items is reached again": (
        TWICE.replace("WITH", "with: <% ctx(numbers) %>"),
        """\
script:
  - {task: second, duration: 2}
  - {task: twice, visit: 1, item: 0, duration: 5, result: early}
  - {task: twice, duration: 5}
expect:
  actions:
    - {task: first}
    - {task: second}
    - {task: twice, visit: 1, item: 0, result: early}
    - {task: twice, visit: 1, item: 1, result: null}
    - {task: twice, visit: 2, item: 0, result: null}
    - {task: twice, visit: 2, item: 1, result: null}
""",
    ),
    "a task without items is reached again": (
        TWICE.replace(", WITH", ""),
        """\
script:
  - {task: second, duration: 2}
  - {task: twice, duration: 5, result: it}
expect:
  sequence: [first, second, twice, continue]
  actions: [{task: first}, {task: second}, {task: twice, visit: 1}, {task: twice, visit: 1}]
  output: {got: it}
""",
    ),
    "a run fails, and items of a task": (
        ITEMS,
        """\
script: [{task: many, duration: 3}, {task: other, status: failed}]
expect:
  status: failed
  tasks: {many: cancelled}
  actions: [{task: many, item: 0}, {task: many, item: 1}, {task: other}]
""",
    ),
    "a run fails or is cancelled while": (
        RETRY,
        """\
script: [{task: again, status: failed}, {task: other, duration: 5}]
controls: [{before_completion: 2, request: cancel}]
expect: {status: cancelled, tasks: {again: cancelled}}
""",
    ),
    "a run is paused, and resumed before": (
        ITEMS,
        """\
script: [{task: many, duration: 3}]
controls: [{before_completion: 2, request: pause}, {before_completion: 3, request: resume}]
expect: {status: succeeded, tasks: {many: succeeded}}
""",
    ),
    "`count`, `delay` or `when` of a `retry`": (
        """\
version: 1.0
vars: [{word: many}]
tasks:
  count: {action: core.noop, retry: {count: <% ctx(word) %>}}
  delay: {action: core.noop, retry: {count: 1, delay: <% ctx(word) + 1 %>}}
""",
        "expect: {status: failed, errors: [{task: count, code: wrong_type}, {task: delay, code: expression_error}]}\n",
    ),
    "a join can no longer be satisfied": (
        """\
version: 1.0
tasks:
  left: {action: core.noop, next: [{when: <% succeeded() %>, do: both}, {when: <% failed() %>, do: noop}]}
  right: {action: core.noop, next: [{do: both}]}
  both: {join: all, action: core.noop}
""",
        """\
script: [{task: left, status: failed, duration: 2}]
controls: [{before_completion: 2, request: pause}, {before_completion: 3, request: resume}]
expect: {status: failed, errors: [{task: left}, {task: both, code: join_unsatisfied}]}
""",
    ),
    "an action times out, or is abandoned": (
        "version: 1.0\ntasks:\n  late: {action: core.noop}\n  lost: {action: core.noop}\n",
        """\
script: [{task: late, status: timed_out}, {task: lost, status: abandoned}]
expect: {errors: [{task: late, code: timed_out}, {task: lost, code: abandoned}]}
""",
    ),
    "an expression changes a value": (
        """\
version: 1.0
vars: [{numbers: [1]}]
tasks:
  one: {action: core.noop, input: {all: "{{ ctx('numbers').append(2) }}"}}
""",
        "expect: {status: failed, errors: [{task: one, code: expression_error}]}\n",
    ),
    "an expression does not end": (
        """\
version: 1.0
tasks:
  endless: {action: core.noop, input: {all: "{{ range(10000000) | sum }}"}}
  looks: {action: core.noop, input: {found: "<% regex_match(a, '(?=a)') %>"}}
""",
        "expect: {errors: [{task: endless, code: limit_exceeded}, {task: looks, code: expression_error}]}\n",
    ),
    "`localtz()`, Jinja's": (
        "version: 1.0\ntasks:\n  one: {action: core.noop, input: {any: <% localtz() %>}}\n",
        "expect: {status: failed, errors: [{task: one, code: expression_error}]}\n",
    ),
    "`random()`, Jinja's": (
        "version: 1.0\ntasks: {one: {action: core.noop}}\noutput: [one: <% random() < 1 %>]\n",
        "expect: {status: succeeded, output: {one: true}}\n",
    ),
}


def test_every_row_of_the_table_is_rehearsed() -> None:
    """In the table's order."""
    assert all(row.startswith(begin) for row, begin in zip(ROWS, DECISIONS, strict=True))


@pytest.mark.parametrize("row", DECISIONS)
def test_a_decision_is_carried_out(row: str, tmp_path: Path) -> None:
    """The rehearsal ends as the column `here` says."""
    workflow, rehearsal = DECISIONS[row]
    (tmp_path / "workflow.yaml").write_text(workflow)
    path = tmp_path / "rehearsal.yaml"
    path.write_text("workflow: workflow.yaml\n" + rehearsal)
    result = CliRunner().invoke(main, ["rehearse", str(path)])
    assert result.exit_code == 0, result.output
