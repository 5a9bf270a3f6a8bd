"""docs/language.md lists the kinds of errors of items: all that the code can give, and no others.

The code is read, not run: the kinds are the literals with which it makes failures, in all runners, dialects and worker
processes. Where it makes one of a value, this module says what that can be. A new such place fails the test.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

from stretto.actors.actions import InvalidActionInput, UnknownAction
from stretto.actors.journal.store import Unrecordable
from stretto.actors.pools import PoolNeedsKey, UnknownPool, UnmetNeeds
from stretto.actors.runners.base import Finished
from stretto.actors.runs.keyed_items import InvalidKey
from stretto.definitions.conductor.events import StreamProblem
from stretto.definitions.errors import ExpressionLimitExceeded, InvalidDefinition, UnknownWorkflow
from tests.support.paths import ROOT
from tests.test_language_reference import section

MAKERS = {"Failure": 0, "Finished": 3, "_failure": 0, "end_unstarted": 1, "ChildRefused": 0}
"""What makes failures, and which of its arguments is the kind."""
OF_EXPRESSIONS = {"expression", ExpressionLimitExceeded.code}
RUNNERS = set(get_args(get_args(get_type_hints(Finished)["kind"])[0]))
PASSED_ON: set[str] = set()
"""A kind that was made elsewhere."""
COMPUTED: dict[tuple[str, str], set[str]] = {
    ("actors/engine/children.py", "error.code"): {InvalidDefinition.code, UnknownWorkflow.code},
    ("actors/engine/recovery.py", "Unrecordable.code"): {Unrecordable.code},
    ("actors/journal/sql/encoding.py", "self.kind"): PASSED_ON,
    ("actors/pools/travelling.py", "end.kind"): RUNNERS,
    ("actors/pools/serving.py", "status"): {"cancelled", "timed_out"},
    ("actors/rehearsal/runner.py", "kind"): RUNNERS,
    ("actors/runners/own_worker_calls.py", "kind"): {"exception", "not_data"},
    ("actors/runners/remote_calls.py", "end.kind"): RUNNERS,
    ("actors/runs/execution.py", "kind"): {InvalidKey.code},
    ("actors/runs/item.py", "kind"): PASSED_ON,
    ("actors/runs/sub_workflow_item.py", "message.code"): PASSED_ON,
    ("actors/runs/item.py", "error.code"): {
        InvalidActionInput.code,
        PoolNeedsKey.code,
        UnknownAction.code,
        UnknownPool.code,
        UnmetNeeds.code,
    },
    ("actors/runs/item_failures.py", "kind"): OF_EXPRESSIONS,
    ("definitions/conductor/retrying.py", "kind"): OF_EXPRESSIONS,
    ("definitions/conductor/streamed.py", "event.kind"): set(get_args(StreamProblem)),
}
"""The places whose kinds are no literals, and what these can be."""


def made_in(path: Path) -> Iterator[ast.expr]:
    """Yield the expressions of kinds in a module, also that of an entry for a line that cannot be read."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in MAKERS:
                given = [each.value for each in node.keywords if each.arg in {"kind", "code"}]
                yield given[0] if given else node.args[MAKERS[name]]
        if isinstance(node, ast.Dict) and path.match("definitions/conductor/outcomes.py"):
            yield from (value for key, value in zip(node.keys, node.values, strict=True) if key_of(key) == "kind")


def key_of(key: ast.expr | None) -> object:
    return key.value if isinstance(key, ast.Constant) else None


def kinds_of_the_code() -> tuple[set[str], set[tuple[str, str]]]:
    """Return the literals, and the places that compute a kind."""
    literals: set[str] = set()
    computed: set[tuple[str, str]] = set()
    for folder in ("actors", "definitions"):
        for path in (ROOT / folder).rglob("*.py"):
            for made in made_in(path):
                if not isinstance(made, ast.Constant):
                    computed.add((path.relative_to(ROOT).as_posix(), ast.unparse(made)))
                elif made.value is not None:
                    literals.add(str(made.value))
    return literals, computed


def test_the_page_lists_each_kind_of_error_that_the_code_can_give() -> None:
    """Each once, and no kind that it cannot."""
    literals, computed = kinds_of_the_code()
    assert computed == COMPUTED.keys()
    listed = [
        name
        for row in re.findall(r"^\| (`.+?) \| ", section("Kinds of errors"), re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(listed) == sorted(literals.union(*COMPUTED.values()))
