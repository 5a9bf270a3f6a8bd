"""The events and rules of an engine, for people: from a store, and from memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import UnknownEvent, UnknownRule
from stretto.actors.journal import Requester
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import InvalidInput
from tests.support.engines import Bench
from tests.support.events import answer_of, event
from tests.support.waiting import PATIENCE

RULE = """
on: {event: greeted, when: "payload.name != 'nobody'"}
run: core.echo
input: {message: "{{ payload.name }}", token: "{{ kv.token }}"}
description: Greets.
"""
OTHER = "on: greeted\nrun: core.noop\n"


@pytest.fixture(params=["memory", "sqlite"])
def started(request: pytest.FixtureRequest, tmp_path: Path, start_bench: Callable[..., Bench]) -> Bench:
    """Return an engine with two rules."""
    (tmp_path / "greet.yaml").write_text(RULE.replace(', token: "{{ kv.token }}"', ""))
    (tmp_path / "other.yaml").write_text(OTHER)
    url = None if request.param == "memory" else request.getfixturevalue("sqlite_url")
    return start_bench(definitions=tmp_path, store=url)


def send(bench: Bench, payload: Any, **given: Any) -> str:
    services = bench.proxy.host.services().get(timeout=PATIENCE)
    accepted = answer_of(services.events.accept(event(payload, type="greeted", **given)))
    found: str = accepted.event
    return found


def test_an_event_has_its_matches_and_why_other_rules_have_not_answered(started: Bench) -> None:
    """A page has no payloads."""
    sent = send(started, {"name": "nobody"})
    page = started.proxy.events(event_type="greeted").get(timeout=PATIENCE)
    assert [(each["event"], each["type"], each["matched"]) for each in page["events"]] == [(sent, "greeted", 1)]
    assert page["next"] is None
    found = started.proxy.event(sent).get(timeout=PATIENCE)
    assert found["payload"] == {"name": "nobody"}
    assert [(each["rule"], each["target"], each["error"]) for each in found["matches"]] == [
        ("other", "core.noop", None)
    ]
    (other,) = found["others"]
    assert other["rule"] == "greet"
    assert [each["held"] for each in other["criteria"]] == [True, False]
    with pytest.raises(UnknownEvent):
        started.proxy.event("evt-none").get(timeout=PATIENCE)


def test_the_work_of_the_rules_of_an_event_has_a_setting(tmp_path: Path, start_bench: Callable[..., Bench]) -> None:
    """The rules that are left have an error which names it."""
    (tmp_path / "first.yaml").write_text(RULE.replace(', token: "{{ kv.token }}"', ""))
    (tmp_path / "second.yaml").write_text(OTHER)
    bench = start_bench(definitions=tmp_path, max_match_units=1)
    found = bench.proxy.event(send(bench, {"name": "somebody"})).get(timeout=PATIENCE)
    errors = {each["rule"]: each["error"] for each in found["matches"]}
    assert errors["first"] is None
    assert "the 1 units of work that the rules of one event may use (events.max_match_units)" in errors["second"]


def test_a_rule_has_its_last_matches(started: Bench) -> None:
    """All rules are listed by ref."""
    assert [each["rule"] for each in started.proxy.rules().get(timeout=PATIENCE)] == ["greet", "other"]
    sent = [send(started, {"name": name}) for name in ("Ann", "Bob")]
    found = started.proxy.rule("greet").get(timeout=PATIENCE)
    assert (found["event"], found["target"], found["description"]) == ("greeted", "core.echo", "Greets.")
    assert [each["text"] for each in found["criteria"]] == ["payload.name != 'nobody'"]
    assert [each["event"] for each in found["matches"]] == sent[::-1]
    with pytest.raises(UnknownRule, match="greet"):
        started.proxy.rule("greeet").get(timeout=PATIENCE)


def test_a_rule_is_tried_without_an_effect(started: Bench) -> None:
    """With what it would start."""
    tried = started.proxy.try_rule("greet", {"name": "Ann"}).get(timeout=PATIENCE)
    assert (tried["answers"], tried["inputs"], tried["error"]) == (True, {"message": "Ann"}, None)
    tried = started.proxy.try_rule("greet", {}).get(timeout=PATIENCE)
    assert (tried["answers"], tried["inputs"]) == (False, None)
    assert "name" in tried["criteria"][1]["problem"]
    assert not started.proxy.try_rule("greet", {"name": "Ann"}, "other").get(timeout=PATIENCE)["answers"]
    assert started.proxy.events().get(timeout=PATIENCE)["events"] == []


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"payload": [2**64]}, "the payload[0]"),
        ({"payload": {}, "headers": {"a": 2**64}}, "the headers.a"),
        ({"payload": {}, "parameters": {"a": {"b": -(2**64)}}}, "the parameters.a.b"),
    ],
)
def test_a_rule_is_not_tried_with_values_that_no_event_has(started: Bench, given: dict[str, Any], place: str) -> None:
    """As an event with them is refused. Drawn requests found that the port answered 500."""
    with pytest.raises(InvalidInput, match="the event for the rule greet") as raised:
        started.proxy.try_rule("greet", **given).get(timeout=PATIENCE)
    assert f"{place} is an integer of 65 bits" in str(raised.value)


def test_an_event_is_replayed(started: Bench) -> None:
    """The copy is another event, whatever key the first one had."""
    sent = send(started, {"name": "Ann"}, key="k")
    again = started.proxy.replay_event(sent).get(timeout=PATIENCE)
    found = started.proxy.event(again).get(timeout=PATIENCE)
    assert again != sent
    assert found["source"] == f"replay:{sent}"
    assert {each["rule"] for each in found["matches"]} == {"greet", "other"}


def test_secret_inputs_are_masked(tmp_path: Path, start_bench: Callable[..., Bench]) -> None:
    """Of a rule that is tried."""
    (tmp_path / "greet.yaml").write_text(RULE.replace("core.echo", "core.noop"))
    bench = start_bench(definitions=tmp_path)
    bench.proxy.set_key("token", "hunter22", secret=True).get(timeout=PATIENCE)
    tried = bench.proxy.try_rule("greet", {"name": "Ann"}).get(timeout=PATIENCE)
    assert tried["inputs"] == {"message": "Ann", "token": "******"}


BY = Requester(who="mira", via="cli", source="local")


def matched(bench: Bench, sent: str) -> list[str]:
    """Return the rules that have answered an event."""
    return [each["rule"] for each in bench.proxy.event(sent).get(timeout=PATIENCE)["matches"]]


def test_a_rule_that_is_disabled_answers_no_event(started: Bench) -> None:
    """An event says so. The audit knows who has done it. It is no key that users see."""
    found = started.proxy.disable_rule("other", by=BY).get(timeout=PATIENCE)
    assert (found["enabled"], found["disabled_by"]) == (False, "mira")
    sent = send(started, {"name": "Ann"})
    assert matched(started, sent) == ["greet"]
    (other,) = started.proxy.event(sent).get(timeout=PATIENCE)["others"]
    assert (other["rule"], other["criteria"][0]["problem"]) == ("other", "mira has disabled it")
    listed = started.proxy.rules().get(timeout=PATIENCE)
    assert [(each["rule"], each["enabled"]) for each in listed] == [("greet", True), ("other", False)]
    assert started.proxy.keys().get(timeout=PATIENCE)["keys"] == []
    for _ in range(2):
        found = started.proxy.enable_rule("other", by=BY).get(timeout=PATIENCE)
        assert (found["enabled"], found["disabled_by"]) == (True, None)
    assert matched(started, send(started, {"name": "Ann"})) == ["greet", "other"]
    with pytest.raises(UnknownRule):
        started.proxy.disable_rule("nothing").get(timeout=PATIENCE)


def test_a_rule_stays_disabled_through_a_restart(
    tmp_path: Path, sqlite_url: str, start_bench: Callable[..., Bench]
) -> None:
    """And through the reload of its file."""
    (tmp_path / "other.yaml").write_text(OTHER)
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    bench.proxy.disable_rule("other", by=BY).get(timeout=PATIENCE)
    (tmp_path / "other.yaml").write_text(OTHER + "description: new\n")
    bench.proxy.stop(0).get(timeout=PATIENCE)
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    (rule,) = bench.proxy.rules().get(timeout=PATIENCE)
    assert (rule["description"], rule["enabled"]) == ("new", False)
    assert matched(bench, send(bench, {})) == []
    entries = bench.proxy.audit().get(timeout=PATIENCE)["entries"]
    assert [(each["who"], each["operation"], each["target"]) for each in entries] == [("mira", "disable_rule", "other")]


def test_another_daemon_of_the_store_knows_that_a_rule_is_disabled(
    tmp_path: Path, postgres_url: str, start_bench: Callable[..., Bench]
) -> None:
    """Soon: it is notified."""
    (tmp_path / "other.yaml").write_text(OTHER)
    first, second = (start_bench(definitions=tmp_path, store=postgres_url, store_lease=30) for _ in range(2))
    first.proxy.disable_rule("other").get(timeout=PATIENCE)
    while second.proxy.rules().get(timeout=PATIENCE)[0]["enabled"]:
        pass
    assert matched(second, send(second, {})) == []


def test_some_rules_cannot_be_switched(tmp_path: Path, start_bench: Callable[..., Bench]) -> None:
    """A schedule, which is paused, and one whose file disables it."""
    (tmp_path / "off.yaml").write_text(OTHER + "enabled: false\n")
    (tmp_path / "due.yaml").write_text("schedule: {at: '2999-01-01'}\nrun: core.noop\n")
    bench = start_bench(definitions=tmp_path)
    with pytest.raises(IllegalTransition, match="`stretto schedules pause due`"):
        bench.proxy.disable_rule("due").get(timeout=PATIENCE)
    with pytest.raises(IllegalTransition, match="has `enabled: false`"):
        bench.proxy.enable_rule("off").get(timeout=PATIENCE)
    (off,) = bench.proxy.event(send(bench, {})).get(timeout=PATIENCE)["others"]
    assert off["criteria"][0]["problem"] == "its file has disabled it"
