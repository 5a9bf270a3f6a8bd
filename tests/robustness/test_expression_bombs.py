"""Expressions whose cost would stop a daemon end with `limit_exceeded` in bounded time and memory.

Each language's expressions run in one child process with limits of the system for CPU and memory.
"""

import json
import subprocess
import sys

import pytest

from stretto.definitions.expressions import Scope
from tests.support import evaluating, evaluating_orquesta
from tests.support.bombs import expressions_of, variables
from tests.support.engines import Bench, outcome_of
from tests.support.paths import ROOT

MAX_CPU_SECONDS = 0.75
"""The CPU that one evaluation takes at most, on a busy machine: the limit on work is about a tenth of a second."""


@pytest.mark.parametrize("language", ["native", "jinja", "yaql"])
def test_no_expression_outlasts_its_limits(language: str) -> None:
    """Each operation pays before it runs, by what it reads or makes."""
    texts = expressions_of(language)
    assert len(texts) >= 47
    child = subprocess.run(
        [sys.executable, "-m", "tests.support.bombs"],
        input=json.dumps({"language": language, "texts": texts}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    results = [json.loads(line) for line in child.stdout.splitlines()]
    assert len(results) == len(texts), f"{texts[len(results)]} ended the process: {child.stderr[-500:]}"
    slow = [
        (text, seconds)
        for text, (seconds, _code, _message) in zip(texts, results, strict=True)
        if seconds > MAX_CPU_SECONDS
    ]
    unbounded = [
        (text, *rest)
        for text, rest in zip(texts, results, strict=True)
        if rest[1] not in {"limit_exceeded", "expression_error"}
    ]
    assert not slow
    assert not unbounded
    by_limit = sum(code == "limit_exceeded" for _seconds, code, _message in results)
    assert by_limit >= len(texts) * 9 // 10, [
        each for each in zip(texts, results, strict=True) if each[1][1] != "limit_exceeded"
    ]


HONEST = {
    "native": [
        ("{{ (workflow.R|selectattr('a', 'ge', 0)|map(attribute='a')|sum) }}", 19_999_900_000),
        ("{{ (workflow.R|groupby('a'))|length }}", 200_000),
        ("{{ workflow.L|sum }}", 19_999_900_000),
        ("{{ (workflow.T|tojson)|length }}", 32 * 1024 * 1024 + 2),
    ],
    "yaql": [
        ("<% ctx(F).where($.a > 9).select($.a).len() %>", 19_990),
        ("<% ctx(F).select($.a + 1).len() %>", 20_000),
        ("<% ctx(F).select($.a).sum() %>", 199_990_000),
        ("<% ctx(F).where($.a = 3).len() %>", 1),
        ("<% ctx(F).groupBy($.a).len() %>", 20_000),
        ("<% ctx(F).orderBy($.a).first().a %>", 0),
    ],
}


@pytest.fixture(scope="module", name="scope")
def large_scope() -> Scope:
    """Return what the bombs read, a text of 32 MiB, and 20,000 records."""
    given = variables() | {"T": "x" * (32 * 1024 * 1024)}
    given["F"] = given["R"][:20_000]
    return evaluating.snapshot_of(given)


@pytest.mark.parametrize(("language", "text", "value"), [(name, *each) for name in HONEST for each in HONEST[name]])
def test_honest_work_keeps_working(scope: Scope, language: str, text: str, value: int) -> None:
    """Lists of 200,000 members in Jinja, JSON of 32 MiB, and lists of 20,000 members in YAQL are within the limits."""
    support = evaluating if language == "native" else evaluating_orquesta
    assert support.compiled(text).evaluate(scope, evaluating_orquesta.moment()) == value


BOMB = """
ref: t.bomb
parameters:
  big: {type: string, required: true}
tasks:
  - name: a
    action: core.noop
    next:
      - publish:
          - x: "{% for i in range(400000) %}{% if match('(a|aa)*b', parameters.big) %}{% endif %}{% endfor %}"
"""
OTHER = """
ref: t.other
tasks:
  - name: a
    action: core.noop
"""


def test_a_bomb_fails_its_run_and_no_other(bench: Bench) -> None:
    """A run with a bomb in `publish` fails, and a run beside it succeeds."""
    bomb = bench.submit(BOMB, {"big": "a" * 4_000_000})
    assert bench.run(OTHER).status == "succeeded"
    outcome = outcome_of(bomb)
    assert outcome.status == "failed"
    (error,) = outcome.errors
    assert error["code"] == "limit_exceeded"
    assert "5,000,000 units of work (the setting expressions.max_cost)" in error["message"]
    assert error["where"]["line"] == 11
