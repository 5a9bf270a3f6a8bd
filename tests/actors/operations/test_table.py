"""The table of operations agrees with the engine's public methods, the conductor's events and the command line."""

import inspect
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from stretto.actors import Engine
from stretto.actors.cli.runs import runs
from stretto.actors.operations.base import Request
from stretto.actors.operations.controls import CONTROLS, TASK_CONTROLS, RunControl, SkipItem, event_of
from stretto.actors.operations.requests import Runs, Why
from stretto.actors.operations.stored import REPORTS
from stretto.actors.operations.table import AUDITED, OPERATIONS, REQUESTS, STARTS_A_RUN, Operation, arguments_of
from stretto.definitions.conductor import Event, SkipRequested

ALL = list(OPERATIONS.values())


@pytest.mark.parametrize("operation", ALL, ids=[operation.name for operation in ALL])
def test_each_operation_is_a_method_of_the_engine_with_the_requests_fields(operation: Operation) -> None:
    """Names and defaults agree: the run's id comes first, all other fields are keywords. No client sends who it is.

    The note is a part of who asks.
    """
    assert hasattr(Engine, operation.name), f"Engine must have a method {operation.name}()"
    _self, *parameters = inspect.signature(getattr(Engine, operation.name)).parameters.values()
    if operation.request in AUDITED:
        assert parameters.pop().name == "by"
    if operation.request in STARTS_A_RUN:
        assert parameters.pop().name == "origin"
    fields = {field.name: field for field in msgspec.structs.fields(operation.request) if field.name != "note"}
    assert ["run" if each.name == "run_id" else each.name for each in parameters] == list(fields)
    for parameter in parameters:
        if parameter.default is not inspect.Parameter.empty:
            assert fields[parameter.name].default == parameter.default


@pytest.mark.parametrize("request_", REPORTS, ids=lambda each: each.__name__)
def test_each_report_takes_the_requests_fields(request_: type[Request]) -> None:
    """A store is asked by the same struct."""
    reader, *parameters = inspect.signature(REPORTS[request_]).parameters
    fields = ["run_id" if field.name == "run" else field.name for field in msgspec.structs.fields(request_)]
    assert reader == "reader"
    assert set(fields) <= set(parameters)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda each: each.command)
def test_each_control_is_an_event_of_the_conductor(control: RunControl) -> None:
    """The event has the request's fields behind the run, then the time, then optional ones. The note is the audit's."""
    event: Any = control.event
    *fields, note = [field.name for field in msgspec.structs.fields(control.request)]
    assert note == "note"
    assert fields[0] == "run"
    given = [*fields[1:], "at"]
    of_event = msgspec.structs.fields(event)
    assert [field.name for field in of_event[: len(given)]] == given
    assert not any(field.required for field in of_event[len(given) :])
    assert event in get_args(Event), f"the union Event in definitions/conductor/events.py must have {event.__name__}"


def test_the_event_of_a_control_has_the_time_that_it_comes() -> None:
    """Everything else comes from the request."""
    assert event_of(SkipItem("r1", "t", 2), 5.0) == SkipRequested("t", 2, 5.0)


def test_each_control_has_its_command() -> None:
    """Commands and their help come from the table."""
    for control in CONTROLS:
        if control.request is TASK_CONTROLS.get(control.command):
            continue
        command = runs.get_command(None, control.command)  # type: ignore[arg-type]  # no context is needed
        assert command is not None
        names = [each.name for each in command.params if each.param_type_name == "argument"]
        assert len(names) == len(msgspec.structs.fields(control.request)) - 1
        assert "note" in {each.name for each in command.params}
        assert (command.name, command.help) == (control.command, inspect.cleandoc(control.request.__doc__ or ""))


def test_every_request_is_in_the_table_once() -> None:
    """A struct that is not in it could not be sent."""
    assert len(set(REQUESTS)) == len(REQUESTS)
    tags = {each.__struct_config__.tag for each in REQUESTS}
    assert len(tags) == len(REQUESTS)
    assert {each for each in subclasses_of(Request) if each.__struct_config__.tag} == set(REQUESTS)


def subclasses_of(kind: type[Request]) -> Iterator[type[Request]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses_of(each)


def test_a_requests_fields_are_a_calls_arguments() -> None:
    """The run's id comes first."""
    assert arguments_of(Why("r1", "t")) == (("r1",), {"task": "t"})
    assert arguments_of(SkipItem("r1", "t", 2, note="why")) == (("r1",), {"task": "t", "index": 2})
    assert arguments_of(Runs(limit=3)) == (
        (),
        {
            "status": None, "workflow": None, "since": None, "labels": None, "search": None, "children": "listed",
            "cursor": None, "limit": 3, "until": None, "parent": None, "id_prefix": None, "by": None, "priority": None,
        },
    )  # fmt: skip
