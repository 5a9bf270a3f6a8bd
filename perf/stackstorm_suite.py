"""StackStorm's own integration tests for Orquesta, on Stretto: `python perf/stackstorm_suite.py CHECKOUT [NAME...]`.

CHECKOUT is a checked-out StackStorm/st2, whose `st2tests/integration/orquesta` is run as it is. The tests talk to a
server through st2client; here the client's calls go to an engine with an SQLite store and StackStorm's pack `examples`.
NAME is a part of a test's name. Make the environment of the pack before: `stretto packs setup
CHECKOUT/contrib/examples`. Some of its actions also import eventlet, which StackStorm's own environment has: add it to
the pack's requirements.txt.

What is translated: statuses and the names of fields, an execution of a workflow to a run, one of a task to an attempt
of an item, a run that only waits for people to a paused one, a rerun of some tasks to a rerun with the other tasks'
results taken over. `exit_code`, which Stretto adds to results of commands, is left out. An error has the words of
Stretto, so errors are compared by their task, route and result, or by the place in the definition; `--exact` compares
their words, too.
"""

import argparse
import importlib
import importlib.util
import os
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from stretto.actors import Engine
from stretto.actors.engine import BlockingEngine
from stretto.actors.journal import Requester
from stretto.definitions.errors import InvalidDefinition, StrettoError

USER: Final = "st2admin"
_BY: Final = Requester(who=USER, via="cli", source="local")
_STATUSES: Final = {
    "cancelled": "canceled",
    "cancelling": "canceling",
    "timed_out": "timeout",
    "not_started": "running",
}
_FAILED: Final = "Execution failed. See result for details."
_COMPARED: Final = ("type", "task_id", "route", "result", "spec_path")
_PAUSE_TESTS: Final = "ST2_CI_RUN_ORQUESTA_PAUSE_RESUME_TESTS"
_WAIT_SECONDS: Final = 0.05
_ACTIVE: Final = frozenset({"running", "pausing", "canceling"})
_ENDED: Final = frozenset({"succeeded", "failed", "canceled", "timeout", "abandoned", "skipped"})
_RUNNING: Final = 1
"""The state of an item in flight, in the cells of its task."""


class Error(dict[str, Any]):
    """An error of a run in StackStorm's form, which is equal to another with the same place and result."""

    exact = False

    def __eq__(self, other: object) -> bool:
        if Error.exact or not isinstance(other, dict):
            return dict.__eq__(self, other)
        return all(self.get(name) == other.get(name) for name in _COMPARED if name in self and name in other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


@dataclass
class Execution:
    """An execution as st2client has it."""

    id: str
    action: dict[str, str]
    status: str
    result: Any = None
    context: dict[str, Any] = field(default_factory=dict)


class LiveAction:
    """A request for an execution."""

    def __init__(self, action: str, parameters: dict[str, Any]) -> None:
        self.action = action
        self.parameters = parameters


class KeyValuePair:
    """A key as st2client has it."""

    def __init__(self, **given: Any) -> None:
        self.name: str = given["name"]
        self.value = given.get("value")
        self.scope: str = given.get("scope", "system")
        self.secret: bool = given.get("secret", False)


class Executions:
    """Translates the calls for executions to those of an engine."""

    def __init__(self, engine: BlockingEngine) -> None:
        self._engine = engine
        self._refused: dict[str, Execution] = {}
        self._paused: set[str] = set()

    def create(self, request: LiveAction) -> Execution:
        """Start a run. One that is refused is an execution that has failed."""
        action = {"ref": request.action}
        try:
            run = self._engine.submit(request.action, request.parameters, by=_BY)
        except StrettoError as error:
            result = {"errors": _refusal(error), "output": None}
            execution = Execution(f"refused-{len(self._refused)}", action, "failed", result)
            self._refused[execution.id] = execution
            return Execution(execution.id, action, "requested")
        return Execution(run.id, action, "requested")

    def get_by_id(self, execution: str) -> Execution:
        """Return an execution as it is now."""
        if execution in self._refused:
            return self._refused[execution]
        if "/" in execution:
            run = execution.partition("/")[0]
            return next(each for each in self.query(parent=run) if each.id == execution)
        report = self._engine.show_run(execution)
        status = _STATUSES.get(report["status"], report["status"])
        if status == "paused" and any(each.status in _ACTIVE for each in self.query(parent=execution)):
            # A run whose only work is paused sub-workflows is paused at once here, and in StackStorm after their items.
            status = "pausing" if execution in self._paused else "running"
        elif status == "running" and self._waits_for_people(execution):
            status = "paused"
        result: dict[str, Any] = {"output": _without_exit_codes(report["output"])}
        if report["errors"] and status != "succeeded":
            result["errors"] = [_error(each) for each in report["errors"]]
        taken_over = report["rerun_of"] is not None and report["rerun_scope"] != "everything"
        context = {"workflow_execution": report["rerun_of"] if taken_over else execution}
        return Execution(execution, {"ref": report["workflow"]}, status, result, context)

    def _waits_for_people(self, run: str) -> bool:
        """Return whether nothing is left in a run but inquiries. StackStorm pauses it then."""
        waits = {each.status for each in self.query(parent=run)} - _ENDED
        return bool(waits) and waits <= {"pending", "paused"}

    def query(self, parent: str) -> list[Execution]:
        """Return the executions of a run's tasks, one for each attempt of an item."""
        if parent in self._refused:
            return []
        report = self._engine.show_run(parent)
        workflow = self._engine.workflow(report["workflow"])
        children = sorted(report["children"])
        runs = {each: self._engine.show_run(each) for each in children}
        found = []
        for task in self._engine.tasks(parent):
            for place, status in self._attempts(parent, task):
                action = workflow.tasks[task["task"]].action
                possible = [each for each in children if runs[each]["workflow"] == action]
                if len(possible) > 1:
                    possible = self._with_inputs(parent, place, possible, runs)
                child = next(iter(possible), None)
                if child is not None:
                    children.remove(child)
                elif action in self._engine.workflows():
                    continue  # its run is about to be stored
                found.append(self._execution("/".join([parent, *map(str, place)]), status, child))
                found[-1].context["orquesta"] = {"task_name": task["task"]}
        return found

    def _with_inputs(
        self, run: str, place: tuple[str, int, int, int], children: list[str], runs: dict[str, Any]
    ) -> list[str]:
        """Return the children whose inputs have all values of an item's input."""
        task, visit, index, attempt = place
        given = self._engine.item_input(run, task, index, visit, attempt)
        return [each for each in children if given.items() <= runs[each]["inputs"].items()]

    def _attempts(self, run: str, task: dict[str, Any]) -> list[tuple[tuple[str, int, int, int], str]]:
        """Return the attempts of a task's items, ended ones first, each with its status."""
        if not task["visits"]:
            return []
        name, visit = task["task"], task["visit"]
        ended = self._engine.items(run, name, limit=1000)["items"]
        if self._engine.show_run(run)["rerun_of"] is not None:
            # An item whose result is taken over has not begun in this run.
            ended = [each for each in ended if each["began_at"] is not None]
        found = [((name, each["visit"], each["index"], each["attempt"]), each["outcome"]) for each in ended]
        states = self._engine.cells(run, name)["cells"]
        attempts = {(each["visit"], each["index"]): each["attempt"] for each in ended}
        asked = {(each["task"], each["visit"], each["index"]) for each in pending_inquiries(self._engine, run)}
        for index, state in enumerate(states):
            if state & 0x0F == _RUNNING:
                running = "pending" if (name, visit, index) in asked else "running"
                found.append(((name, visit, index, attempts.get((visit, index), 0) + 1), running))
        if not found and task["status"] not in {"succeeded", "failed"}:
            # No item has begun: the task waits for its delay, or was cancelled while it did.
            found.append(((name, visit, 0, 1), "canceled" if task["status"] == "cancelled" else "delayed"))
        return found

    def _execution(self, name: str, status: str, child: str | None) -> Execution:
        """Return the execution of an attempt: a run of its own, or that of an action."""
        if child is not None:
            return self.get_by_id(child)
        return Execution(name, {"ref": ""}, "canceled" if status == "abandoned" else _STATUSES.get(status, status))

    def delete(self, execution: Execution) -> None:
        """Cancel a run, or a task of one."""
        run, is_task, rest = execution.id.partition("/")
        if is_task:
            self._engine.cancel_task(run, rest.partition("/")[0])
        else:
            self._engine.cancel(run)

    def pause(self, execution: str) -> Execution:
        """Pause a run, which pauses its sub-workflows, too."""
        self._engine.pause(execution)
        self._paused.update([execution, *self._below(execution)])
        return self.get_by_id(execution)

    def _below(self, run: str) -> list[str]:
        children = self._engine.show_run(run)["children"]
        return [*children, *(each for child in children for each in self._below(child))]

    def resume(self, execution: str) -> Execution:
        """Resume a run."""
        self._engine.resume(execution)
        return self.get_by_id(execution)

    def re_run(self, execution: str, tasks: Iterable[str] = (), no_reset: Iterable[str] = ()) -> Execution:
        """Run a workflow again: all of it, or some tasks and what follows them."""
        wanted, kept = list(tasks), set(no_reset)
        if not wanted:
            rerun = self._engine.rerun(execution, by=_BY)
        elif kept.issuperset(wanted):
            rerun = self._engine.rerun(execution, "failed_items", by=_BY)
        else:
            rerun = self._engine.rerun(execution, items={each: self._all(execution, each) for each in wanted}, by=_BY)
        return self.get_by_id(rerun.id)

    def _all(self, run: str, task: str) -> list[Any]:
        return [[0, max(self._engine.task(run, task)["items"]["total"], 1) - 1]]

    def get_property(self, execution: str, _name: str) -> list[Execution]:
        """Return the children of an execution."""
        return self.query(parent=execution)


class Inquiries:
    """Translates the calls for inquiries."""

    def __init__(self, engine: BlockingEngine) -> None:
        self._engine = engine

    def respond(self, execution: str, response: dict[str, Any]) -> None:
        """Answer the inquiry of an execution."""
        run, task, visit, index, _attempt = execution.split("/")
        for each in pending_inquiries(self._engine, run):
            if (each["task"], each["visit"], each["index"]) == (task, int(visit), int(index)):
                self._engine.answer_inquiry(each["id"], response, by=_BY)


def pending_inquiries(engine: BlockingEngine, run: str) -> list[dict[str, Any]]:
    """Return the inquiries of a run that wait for an answer."""
    return list(engine.inquiries(run, status="pending")["inquiries"])


class Keys:
    """Translates the calls for keys."""

    def __init__(self, engine: BlockingEngine) -> None:
        self._engine = engine

    def update(self, key: KeyValuePair) -> None:
        """Set a key."""
        owner = USER if key.scope == "user" else None
        self._engine.set_key(key.name, key.value, scope=key.scope, owner=owner, secret=key.secret, by=_BY)  # type: ignore[arg-type]

    def delete(self, key: KeyValuePair) -> None:
        """Delete a key."""
        self._engine.delete_key(key.name, scope=key.scope, owner=USER if key.scope == "user" else None, by=_BY)  # type: ignore[arg-type]


def _refusal(error: StrettoError) -> list[Error]:
    """Return why a run was refused. The place of a finding is StackStorm's `spec_path`."""
    if not isinstance(error, InvalidDefinition):
        return [Error(type="error", message=str(error))]
    return [Error(message=each.message, spec_path=each.place.path) for each in error.findings]


def _error(error: dict[str, Any]) -> Error:
    """Return an error of a run in StackStorm's form."""
    of_action = error["code"] in {"action_failed", "action_timed_out", "fail_command"}
    found = Error(type="error", message=_FAILED if of_action else error["message"])
    if error["task"] is not None:
        found["task_id"] = error["task"]
    if not of_action and error.get("route") is not None:
        found["route"] = error["route"]
    if error.get("result") is not None:
        found["result"] = _without_exit_codes(error["result"])
    return found


def _without_exit_codes(value: Any) -> Any:
    """Return a value without what Stretto adds to the results of commands."""
    if isinstance(value, dict):
        added = {"exit_code"} if "return_code" in value else set()
        return {name: _without_exit_codes(each) for name, each in value.items() if name not in added}
    return [_without_exit_codes(each) for each in value] if isinstance(value, list) else value


class _Client:
    """What the tests make of st2client."""

    engine: BlockingEngine

    def __init__(self, **_urls: str) -> None:
        self.executions = Executions(self.engine)
        self.keys = Keys(self.engine)
        self.inquiries = Inquiries(self.engine)


def _retry(seconds: float) -> Callable[..., Any]:
    """Return `retrying.retry`, which calls a function again until it raises nothing or the time is up."""

    def retry(retry_on_exception: Callable[[BaseException], bool], **_times: int) -> Any:
        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **named: Any) -> Any:
                until = time.monotonic() + seconds
                while True:
                    try:
                        return function(*args, **named)
                    except Exception as error:
                        if not retry_on_exception(error) or time.monotonic() > until:
                            raise
                    time.sleep(_WAIT_SECONDS)

            return call

        return decorate

    return retry


def _provide(checkout: Path, seconds: float) -> None:
    """Make importable what the tests import: the checkout's constants, and stand-ins for the rest."""
    constants = importlib.util.spec_from_file_location(
        "st2common.constants.action", checkout / "st2common/st2common/constants/action.py"
    )
    assert constants is not None
    assert constants.loader is not None
    action = importlib.util.module_from_spec(constants)
    constants.loader.exec_module(action)
    modules: dict[str, dict[str, Any]] = {
        "eventlet": {"sleep": lambda _seconds: time.sleep(_WAIT_SECONDS)},
        "retrying": {"retry": _retry(seconds)},
        "six": {"string_types": (str,), "PY2": False},
        "six.moves": {"range": range},
        "st2client": {},
        "st2client.client": {"Client": _Client},
        "st2client.models": {"LiveAction": LiveAction, "KeyValuePair": KeyValuePair},
        "st2common": {},
        "st2common.constants": {"action": action},
        "st2common.util": {},
        "st2common.util.monkey_patch": {"monkey_patch": lambda: None},
    }
    for name, members in modules.items():
        module = sys.modules[name] = ModuleType(name)
        vars(module).update(members, __path__=[])
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)
    os.environ[_PAUSE_TESTS] = "true"
    sys.path.insert(0, str(checkout / "st2tests"))


def _tests(checkout: Path, names: list[str]) -> unittest.TestSuite:
    loader = unittest.TestLoader()
    found = unittest.TestSuite()
    for path in sorted((checkout / "st2tests/integration/orquesta").glob("test_*.py")):
        for test in _flat(loader.loadTestsFromName(f"integration.orquesta.{path.stem}")):
            if not names or any(name in test.id() for name in names):
                found.addTest(test)
    return found


def _flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from _flat(each)
        else:
            yield each


class _Result(unittest.TestResult):
    """Prints a line a test."""

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        self._say("passed", test)

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 - same
        super().addError(test, err)
        self._say("FAILED", test, f"{err[0].__name__}: {err[1]}")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 - same
        super().addFailure(test, err)
        self._say("FAILED", test, str(err[1]))

    def _say(self, what: str, test: unittest.TestCase, why: str = "") -> None:
        print(what, test.id().removeprefix("integration.orquesta."), why.replace("\n", " ")[:600], flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--exact", action="store_true", help="compare the words of errors, too")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long a test waits for a status")
    given = parser.parse_args()
    checkout = given.checkout.resolve()
    Error.exact = given.exact
    _provide(checkout, given.seconds)
    fixtures = checkout / "st2tests/st2tests/fixtures/packs/action_chain_tests"
    packs = [checkout / "contrib/examples", *([fixtures] if fixtures.is_dir() else [])]
    result = _Result()
    with (
        tempfile.TemporaryDirectory() as folder,
        Engine.open(
            packs=[each for each in packs if each.is_dir()],
            store=f"sqlite:///{folder}/store.db",
            rendered_commands="allow",
        ) as engine,
    ):
        _Client.engine = engine
        tests = _tests(checkout, given.names)
        tests.run(result)
        engine.stop(grace=0)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} of {result.testsRun} passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
