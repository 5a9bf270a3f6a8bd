"""Errors as RFC 9457 has them."""

import importlib
import pkgutil
import re

import msgspec
import pykka
import pytest

import stretto.actors
import stretto.definitions
from stretto.actors import TooManyRuns
from stretto.actors.gateway.http.problems import STATUSES, Limit, Problem, problem_of, written
from stretto.actors.outcome import UnknownRun
from stretto.definitions.errors import Finding, InvalidDefinition, Place, StrettoError
from tests.support.paths import DOCS

NOT_ANSWERED = {
    "action_failed": "ends an item",
    "not_comparable": "is a criterion's that is not met",
    "bad_url": "is a client's",
    "cannot_back_up": "is of a command on a store",
    "cannot_install_pack": "is of a command on packs",
    "cannot_load_actions": "ends the start",
    "cannot_open_store": "ends the start",
    "cannot_serve": "ends the start",
    "cannot_set_up_pack": "is of a command on packs",
    "control_refused": "is in the answer of a rehearsal",
    "daemon_unreachable": "is a client's",
    "duplicate_action": "ends the start",
    "error": "is the base class",
    "frozen": "is a mistake in Python",
    "invalid_action": "ends the start",
    "invalid_action_input": "ends an item",
    "invalid_answer_schema": "ends an item",
    "invalid_pack_config": "ends the start",
    "invalid_sensor_event": "is a line's of a sensor",
    "invalid_settings": "ends the start",
    "invalid_store_key": "ends the start",
    "invalid_span": "is of a command on a schedule",
    "not_data": "is a mistake in Python, or ends an item",
    "client_closed": "is a client's",
    "refused_by_peer": "has the code of the refusal in its place",
    "not_text": "is a client's",
    "pool_needs_key": "ends an item",
    "unmet_needs": "ends an item",
    "store_in_use": "ends the start",
    "unreadable_source": "ends a run",
    "unrecordable": "ends a run",
    "unwritable_results": "ends a run",
    "wrong_store_key": "ends the start",
    "wrong_type": "is a mistake in Python",
    "invalid_inquiry": "is answered by the API of actions, with a status of its own",
    "inquiry_differs": "is answered by the API of actions, too",
}
"""The codes that no request is answered with, each with the reason."""


def codes() -> set[str]:
    """Return the codes of all errors."""
    for package in (stretto.actors, stretto.definitions):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            # Ray changes the logging of the process that imports it. Its module has no errors of its own.
            if not re.search(r"migrations|__main__$|\.ray_gateway$", module.name):
                importlib.import_module(module.name)
    found: set[str] = set()
    classes: list[type[StrettoError]] = [StrettoError]
    while classes:
        each = classes.pop()
        classes += each.__subclasses__()
        if each.__module__.startswith("stretto."):
            found.add(each.code)
    return found


def test_every_code_has_a_status_or_a_reason() -> None:
    """A new error needs a line in `STATUSES`, or here."""
    known = {code for code in codes() if code}
    assert known <= STATUSES.keys() | NOT_ANSWERED.keys(), known - STATUSES.keys() - NOT_ANSWERED.keys()
    assert not STATUSES.keys() & NOT_ANSWERED.keys()
    assert NOT_ANSWERED.keys() <= known, NOT_ANSWERED.keys() - known


def test_a_problem_is_found_for_each_kind_of_error() -> None:
    """An error that is none of ours is a fault of the daemon."""
    assert problem_of(UnknownRun("no run")) == _same(Problem("unknown_run", "no run"))
    assert problem_of(pykka.ActorDeadError()) == _same(Problem("engine_stopped", "the daemon is stopping"))
    mine = Problem("busy", "later")
    assert problem_of(mine) is mine
    assert problem_of(RuntimeError("x")) is None
    assert problem_of(StrettoError("x")) is None


class _same:
    """Compares equal to a problem that says the same."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and (other.code, other.detail) == (self._problem.code, self._problem.detail)

    __hash__ = None  # type: ignore[assignment]  # compared alone


@pytest.mark.parametrize(("code", "retry"), [("busy", "1"), ("unknown_run", None)])
def test_what_passes_may_be_tried_again(code: str, retry: str | None) -> None:
    """A client is told when."""
    _, headers, _ = written(Problem(code, "x"), "id", RuntimeError())
    assert headers.get("retry-after") == retry


@pytest.mark.parametrize(
    ("error", "members"),
    [
        (Problem("busy", "x"), {"retry_after": 1}),
        (
            Problem("limit_exceeded", "x", limit=Limit("MAX_REQUEST_CONTAINERS", 500_000, 500_001)),
            {"limit": 500_000, "setting": "MAX_REQUEST_CONTAINERS", "value": 500_001},
        ),
        (TooManyRuns("x", "engine.max_runs", 7), {"limit": 7, "setting": "engine.max_runs", "retry_after": 1}),
        (TooManyRuns("as a client has it"), {"retry_after": 1}),
        (UnknownRun("x"), {}),
    ],
)
def test_a_limit_and_when_to_try_again_are_members(error: Exception, members: dict[str, object]) -> None:
    """A program need not read the text."""
    problem = problem_of(error)
    assert problem is not None
    told = msgspec.json.decode(written(problem, "id", error)[2])
    assert {name: told[name] for name in ("limit", "setting", "value", "retry_after") if name in told} == members


def test_the_documents_have_every_code() -> None:
    """By its status."""
    text = (DOCS / "api.md").read_text()
    table = text[text.index("| Status | Codes |") :].partition("\n\n")[0]
    rows = re.findall(r"^\| ([0-9, ]+) \| (.*) \|$", table, re.MULTILINE)
    found = {code: row[0].split(", ") for row in rows for code in re.findall(r"`([a-z_]+)`", row[1])}
    assert found.keys() == STATUSES.keys()
    assert all(str(status) in found[code] for code, status in STATUSES.items())


def test_findings_are_objects() -> None:
    """With all that `validate` says of them."""
    error = InvalidDefinition([Finding("c", "wrong", Place("f", 1, 2, "p"), "a", "b", "h", "error")])
    problem = problem_of(error)
    assert problem is not None
    status, headers, body = written(problem, "id", error)
    told = msgspec.json.decode(body)
    assert (status, headers["content-type"]) == (422, "application/problem+json")
    assert told["findings"] == [
        {
            "file": "f", "line": 1, "column": 2, "path": "p", "code": "c", "severity": "error", "message": "wrong",
            "found": "a", "expected": "b", "hint": "h",
        }
    ]  # fmt: skip
