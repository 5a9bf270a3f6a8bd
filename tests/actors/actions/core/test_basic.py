import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from stretto.actors.actions import ActionFailed, ActionRegistry, InvalidActionInput
from stretto.definitions.data.frozen import freeze


def run(ref: str, **values: Any) -> Any:
    """Check the input and call the action, as a runner would."""
    action = ActionRegistry.registered().get(ref)
    action.check(values)
    result = action.function(**values)
    return asyncio.run(result) if action.runner == "async" else result


def test_noop_takes_anything_and_returns_null() -> None:
    """core.noop accepts every input and its result is null."""
    assert run("core.noop", whatever=1, function=[2]) is None


def test_echo_returns_the_very_same_object() -> None:
    """core.echo copies nothing."""
    message = freeze({"deep": [1, 2, {"er": True}]})
    assert run("core.echo", message=message) is message


def test_fail_fails_with_its_message() -> None:
    """core.fail raises ActionFailed with the message."""
    with pytest.raises(ActionFailed, match=r"^not today$"):
        run("core.fail", message="not today")


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_log_writes_at_the_level(level: str) -> None:
    """core.log writes its message, text or data, at the level of its input."""
    with capture_logs() as lines:
        assert run("core.log", message={"disk": 93}, level=level) is None
    assert lines == [{"event": "action_logged", "message": {"disk": 93}, "log_level": level}]


def test_log_is_info_by_default_and_knows_its_levels() -> None:
    """Without a level core.log writes at info; an unknown level is invalid input."""
    with capture_logs() as lines:
        run("core.log", message="hello")
    assert lines[0]["log_level"] == "info"
    with pytest.raises(InvalidActionInput, match="level must be one of"):
        run("core.log", message="hello", level="loud")


def test_sleep_waits_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """core.sleep waits for its seconds without a thread, and refuses a negative time."""
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert run("core.sleep", seconds=2.5) is None
    assert slept == [2.5]
    with pytest.raises(ActionFailed, match="must be 0 or more, got -1"):
        run("core.sleep", seconds=-1)


def test_the_core_runs_where_it_should() -> None:
    """Actions that never wait run inline. Those that wait for time, network or processes run on the loop."""
    registry = ActionRegistry.registered()
    runners = {ref: registry.get(ref).runner for ref in registry.refs() if ref.startswith("core.")}
    assert runners == {
        "core.ask": "waits",
        "core.wait_for": "waits",
        "core.noop": "inline",
        "core.echo": "inline",
        "core.fail": "inline",
        "core.log": "inline",
        "core.sleep": "async",
        "core.http": "async",
        "core.local": "async",
    }


def test_every_core_action_and_input_is_described() -> None:
    """`stretto actions show` has something to show for each of the core's actions."""
    registry = ActionRegistry.registered()
    for action in map(registry.get, filter(lambda ref: ref.startswith("core."), registry.refs())):
        assert action.description, action.ref
        assert all(parameter.description for parameter in action.parameters), action.ref
