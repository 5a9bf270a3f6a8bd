"""The settings of a task and the calls of its items, evaluated before the first one starts."""

from collections.abc import Iterator
from typing import Any

import pytest

from stretto.definitions import ExpressionError, thaw
from stretto.definitions.conductor import Command, Conductor, Failure, ItemCompleted, StartItem, preparing
from stretto.definitions.conductor.preparing import Preparation
from stretto.definitions.dialects import read_workflow
from stretto.definitions.expressions import DEFAULT_LIMITS, ExpressionLimits, Moment
from stretto.definitions.expressions.base.limits import PORTION_UNITS, RENDERED_ITEM_UNITS
from stretto.definitions.model import bind
from tests.support.evaluating import snapshot_of
from tests.support.following import orquesta


def prepare(task: str, **variables: Any) -> Preparation:
    """Prepare a task over some variables."""
    workflow = orquesta(f"t: {{{task}}}", known=variables)
    prepared: list[Preparation] = []

    def steps() -> Iterator[None]:
        prepared.append(
            (yield from preparing.prepare(workflow.tasks["t"], snapshot_of(variables), Moment(0.0, "seed")))
        )

    for _pause in steps():
        pass
    return prepared[0]


def performed(preparation: Preparation) -> list[tuple[str, Any]]:
    """Return (action, input) of each item."""
    return [(each.action, thaw(each.input)) for each in preparation.calls or ()]


def test_a_task_without_items_performs_its_action_once() -> None:
    """With its input rendered."""
    preparation = prepare('action: x.y, input: {a: "<% ctx().n + 1 %>", b: [1]}', n=1)
    assert performed(preparation) == [("x.y", {"a": 2, "b": [1]})]
    assert (preparation.items, preparation.concurrency, preparation.delay, preparation.retry) == ((None,), 1, 0, None)


def test_a_task_without_an_action_performs_nothing() -> None:
    """It has no input either."""
    assert prepare("delay: 2").calls is None


def test_each_item_is_rendered_with_its_own_element() -> None:
    """The action may depend on it as well."""
    preparation = prepare('action: "x.<% item() %>", with: <% ctx().l %>, input: {i: "<% item() %>!"}', l=["a", "b"])
    assert performed(preparation) == [("x.a", {"i": "a!"}), ("x.b", {"i": "b!"})]


def test_items_without_names_stay_as_they_are() -> None:
    """Lists, too."""
    preparation = prepare('action: x.y, with: <% ctx().l %>, input: {i: "<% item() %>"}', l=[[1, 2], 3])
    assert [given["i"] for _, given in performed(preparation)] == [[1, 2], 3]


def test_outside_of_items_there_is_none() -> None:
    """It is null, not an error."""
    assert performed(prepare('action: x.y, input: {i: "<% item() %>"}')) == [("x.y", {"i": None})]


def test_the_task_at_hand_has_not_ended() -> None:
    """It has no result, and neither succeeded nor failed."""
    text = (
        'action: x.y, input: {r: "<% result() %>", s: "<% succeeded() %>", f: "<% failed() %>", c: "<% completed() %>"}'
    )
    assert performed(prepare(text)) == [("x.y", {"r": None, "s": False, "f": False, "c": False})]


@pytest.mark.parametrize(
    ("names", "items", "under"),
    [
        ("x", [1, "a", None], [{"x": 1}, {"x": "a"}, {"x": None}]),
        ("x", [[1, 2], [3]], [{"x": 1}, {"x": 3}]),
        ("x", [{"k": 1}], [{"x": {"k": 1}}]),
        ("x, y", [[1, 2], [1, 2, 3], [1], []], [{"x": 1, "y": 2}, {"x": 1, "y": 2}, {"x": 1}, {}]),
        ("x, y", [7, {"k": 1}], [7, {"k": 1}]),
    ],
)
def test_items_go_under_the_names_that_they_are_given(names: str, items: list[Any], under: list[Any]) -> None:
    """A list is taken apart; a single name takes anything else."""
    preparation = prepare(f'action: x.y, with: "{names} in <% ctx().l %>", input: {{i: "<% item() %>"}}', l=items)
    assert [thaw(each) for each in preparation.items] == under
    assert [given["i"] for _, given in performed(preparation)] == under


@pytest.mark.parametrize(
    ("given", "items", "window"),
    [
        ("2", 5, 2),
        ("0", 5, 1),
        ("-3", 5, 1),
        ("<% ctx().c %>", 5, 3),
        ("<% ctx().none %>", 5, 5),
        (None, 5, 5),
        (None, 0, 1),
    ],
)
def test_a_window_of_all_items_or_of_so_many(given: str | None, items: int, window: int) -> None:
    """One at least."""
    concurrency = "" if given is None else f", concurrency: {given}"
    if given is not None and not given.startswith("<%") and int(given) < 0:
        concurrency = f", concurrency: <% {given} %>"
    preparation = prepare(f"action: x.y, with: {{items: <% ctx().l %>{concurrency}}}", l=[0] * items, c=3, none=None)
    assert preparation.concurrency == window


def test_delays_and_retries_are_evaluated() -> None:
    """No time runs backwards."""
    preparation = prepare(
        "action: x.y, delay: <% ctx().d %>, retry: {count: <% ctx().c %>, delay: <% ctx().w %>}", d=4, c=2, w=3
    )
    assert preparation.delay == 4
    assert preparation.retry is not None
    assert (preparation.retry.count, preparation.retry.delay) == (2, 3)
    assert prepare("action: x.y, delay: <% ctx().d %>", d=-4).delay == 0
    assert (prepare("action: x.y, retry: {count: 1}").retry or preparation.retry).delay == 0


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("action: x.y, with: <% ctx().text %>", "`with` must be a list, got a value of type string"),
        ("action: x.y, with: <% ctx().object %>", "`with` must be a list, got a value of type object"),
        ("action: x.y, with: <% ctx().none %>", "`with` must be a list, got a value of type null"),
        (
            "action: x.y, with: {items: <% ctx().l %>, concurrency: <% ctx().text %>}",
            "`concurrency` must be an integer",
        ),
        ("action: x.y, delay: <% ctx().text %>", "the delay of a task must be an integer"),
        ("action: x.y, retry: {count: <% ctx().text %>}", "the count of retries must be an integer"),
        ("action: x.y, retry: {count: 1, delay: <% ctx().none %>}", "the delay of retries must be an integer"),
        ("action: <% ctx().l %>", "an action's ref must be a text, got a value of type array"),
        ("action: x.y, input: <% ctx().l %>", "an action's input must be an object, got a value of type array"),
        ("action: x.y, input: {a: <% no_function() %>}", "no_function"),
        ("action: x.y, with: <% ctx().l %>, input: {a: <% item().no %>}", "no"),
    ],
)
def test_an_unfit_value_is_reported(task: str, reason: str) -> None:
    """With the place of the expression that gave it."""
    with pytest.raises(ExpressionError) as caught:
        prepare(task, text="s", object={}, none=None, l=[1])
    assert reason in caught.value.explanation
    assert caught.value.place.line == 3


def test_an_input_of_nothing_is_an_empty_one() -> None:
    """An expression that gives null gives no input."""
    assert performed(prepare("action: x.y, input: <% ctx().none %>", none=None)) == [("x.y", {})]


FAN_OUT = """
version: 1.0
input: [rows]
vars: [{suffix: abc}]
tasks:
  t:
    with: <% ctx(rows) %>
    action: core.noop
    input: {INPUT}
"""


def begun(
    given: str, rows: list[Any], *, pauses: bool = False, limits: ExpressionLimits = DEFAULT_LIMITS
) -> tuple[Conductor, list[Command]]:
    """Return the conductor of a fan-out and its first commands. The inputs are rendered, unless it pauses."""
    workflow = read_workflow(FAN_OUT.replace("{INPUT}", given), "fan_out.yaml")
    conductor = Conductor(workflow, "run", bind(workflow, {"rows": rows}), 0.0, limits=limits)
    conductor.pauses = pauses
    return conductor, conductor.begin()


@pytest.mark.parametrize(
    "given",
    ["{x: <% item() %>, y: <% ctx(suffix) %>, z: fixed}", "{x: '{{ item().a | upper }}-{{ ctx().suffix }}'}"],
)
def test_the_small_inputs_of_many_items_are_within_the_budget_of_their_event(given: str) -> None:
    """40,000 of them, in either language: each item adds to the budget, which would not be enough without."""
    limits = ExpressionLimits(max_cost=1_500_000, event_factor=1)
    conductor, _ = begun(given, [{"a": f"n{number}"} for number in range(40_000)], limits=limits)
    assert conductor.status == "running"
    assert len(conductor.outstanding()) == 40_000
    assert conductor.units_spent() > limits.event_total(limits.max_cost)


def test_calls_of_yaql_for_each_of_many_items_are_within_the_budget() -> None:
    """20,000 items with a few calls each."""
    given = "{x: \"<% concat(item(a), '-', ctx(suffix)) %>\", y: <% str(item(n) + 1) %>}"
    conductor, _ = begun(given, [{"a": "x", "n": number} for number in range(20_000)])
    assert conductor.status == "running"


def test_costly_inputs_of_many_items_are_not() -> None:
    """Each is far below the limit of one evaluation. The run fails after about a second."""
    conductor, _ = begun("{x: <% range(1000).select($ + 1).sum() %>}", [0] * 2_000)
    (error,) = conductor.errors()
    assert error["code"] == "limit_exceeded"
    assert "the event's budget of 2 times 5,000,000 units of work (expressions.max_cost)" in error["message"]
    assert error["where"]["line"] == 9


def steps_of(conductor: Conductor, commands: list[Command]) -> tuple[list[Command], list[int]]:
    """Go on with an event that pauses. Return its commands, and the units of each step."""
    units = [conductor.units_spent()]
    commands = list(commands)
    while conductor.unfinished:
        assert conductor.status == "running"
        commands += conductor.step()
        units.append(conductor.units_spent() - sum(units))
    return commands, units


def shown(commands: list[Command]) -> list[Any]:
    """Return commands in a form that can be compared."""
    return [
        (each.index, each.prepared.action, thaw(each.prepared.input))
        if isinstance(each, StartItem) and each.prepared is not None
        else repr(each)
        for each in commands
    ]


COSTLY = "{x: <% range(20).select($ + 1).sum() %>, y: <% ctx(suffix) %>}"
"""Some 1,000 units an item."""


def test_rendering_pauses_after_each_portion() -> None:
    """No step takes much more than a portion, and the commands are those of a conductor that does not pause."""
    whole = begun(COSTLY, [0] * 2_000, pauses=False)
    paused = begun(COSTLY, [0] * 2_000, pauses=True)
    assert not whole[0].unfinished
    assert paused[0].unfinished
    commands, units = steps_of(*paused)
    an_item = 2_000
    assert len(units) > sum(units) // (PORTION_UNITS + an_item)
    assert max(units) < PORTION_UNITS + an_item
    assert shown(commands) == shown(whole[1])


def test_plain_inputs_pause_too() -> None:
    """They are evaluated without units, but take their time."""
    conductor, commands = begun("{x: fixed}", [0] * 60_000, pauses=True)
    _, units = steps_of(conductor, commands)
    assert len(units) > 60_000 * RENDERED_ITEM_UNITS // PORTION_UNITS


def test_an_error_after_a_pause_starts_no_item() -> None:
    """The last item cannot be rendered."""
    given = "{x: <% range(20).select($ + 1).sum() / item() %>}"
    conductor, commands = begun(given, [1] * 2_000 + [0], pauses=True)
    commands, units = steps_of(conductor, commands)
    assert len(units) > 2
    assert conductor.status == "failed"
    assert not any(isinstance(each, StartItem) for each in commands)


def test_one_item_has_no_more_than_an_event_has() -> None:
    """The additions of the others are not for it: an item cannot pause."""
    part = "<% range(1000).select($ + $ + $).sum() %>"
    given = "{" + ", ".join(f"x{number}: {part}" for number in range(200)) + "}"
    conductor, _ = begun(given, [0] * 10_000, pauses=False)
    (error,) = conductor.errors()
    assert error["code"] == "limit_exceeded"
    assert conductor.units_spent() < 10_100_000


RETRIED = """
version: 1.0
input: [rows]
tasks:
  t:
    with: <% ctx(rows) %>
    action: core.noop
    input: {x: <% range(20).select($ + 1).sum() %>}
    retry: {count: 1}
"""


def test_a_retry_of_all_items_pauses_too() -> None:
    """It renders all inputs again, and then starts the items."""
    workflow = read_workflow(RETRIED, "retried.yaml")
    conductor = Conductor(workflow, "run", bind(workflow, {"rows": [0] * 2_000}), 0.0)
    starts = [each for each in conductor.begin() if isinstance(each, StartItem)]
    conductor.pauses = True
    failure = Failure("failed", "no", retryable=True)
    for start in starts:
        assert not conductor.unfinished
        end = ItemCompleted(start.task, start.visit, start.index, start.attempt, "failed", None, failure, 1.0)
        commands = conductor.on(end)
    assert conductor.unfinished
    commands, units = steps_of(conductor, commands)
    assert max(units) < PORTION_UNITS + 2_000
    assert sum(isinstance(each, StartItem) for each in commands) == 2_000
