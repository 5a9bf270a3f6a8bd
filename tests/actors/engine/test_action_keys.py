"""Keys that actions of StackStorm's packs read and change in mid-call, on a real engine with a store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Requester
from stretto.actors.engine.action_keys import ActionKeys
from stretto.actors.kv import HeldKeys
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

GO = """
from st2common.runners.base_action import Action
class Go(Action):
    def run(self, code, more=None):
        return eval(code, {"s": self.action_service, "more": more})
"""
METADATA = """
name: go
runner_type: python-script
entry_point: go.py
enabled: true
parameters:
  code: {type: string, required: true}
  more: {type: string}
"""


@pytest.fixture
def bench(start_bench: Callable[..., Bench], tmp_path: Path) -> Bench:
    """An engine with a store, and an action that evaluates a text."""
    folder = tmp_path / "hosts"
    (folder / "actions").mkdir(parents=True)
    (folder / "pack.yaml").write_text("ref: hosts\nname: hosts\nversion: 1.0.0\n")
    (folder / "actions" / "go.py").write_text(GO)
    (folder / "actions" / "go.yaml").write_text(METADATA)
    return start_bench(packs=folder, store=f"sqlite:///{tmp_path / 'runs.db'}")


def _evaluate(bench: Bench, code: str) -> Any:
    """Return the value of a text in the action, or the message of its failure."""
    outcome = bench.run(
        "parameters: {code: {type: string}}\n"
        "tasks:\n- {name: t, action: hosts.go, input: {code: '{{ parameters.code }}'}}\n"
        "output_map: {r: '{{ task.t.result.result }}'}",
        {"code": code},
    )
    if outcome.status != "succeeded":
        return outcome.errors[0]["message"]
    assert outcome.output is not None
    return outcome.output["r"]


def test_an_action_keeps_values_between_its_calls(bench: Bench) -> None:
    """Under its pack and class, as text. The change is in the audit and in the store at once."""
    assert _evaluate(bench, "s.get_value('name')") is None
    assert _evaluate(bench, "[s.set_value('name', 5), s.get_value('name')]") == [True, "5"]
    assert _evaluate(bench, "[[each.name, each.value] for each in s.list_values()]") == [["hosts.Go:name", "5"]]
    key = bench.proxy.key("hosts.Go:name").get(timeout=PATIENCE)
    assert (key["value"], key["set_by"], key["expires_at"]) == ("5", "hosts.go", None)
    assert _evaluate(bench, "[s.delete_value('name'), s.delete_value('name'), s.get_value('name')]") == [
        True, False, None,
    ]  # fmt: skip


def test_an_action_shares_keys_with_everyone(bench: Bench) -> None:
    """With local=False. A value that is no text is JSON. A key may have an end."""
    bench.proxy.set_key("limits", {"cpu": 4}).get(timeout=PATIENCE)
    assert _evaluate(bench, "s.get_value('limits', local=False)") == '{"cpu":4}'
    assert _evaluate(bench, "[each.name for each in s.list_values(local=False, prefix='lim')]") == ["limits"]
    assert _evaluate(bench, "s.set_value('soon', 'x', ttl=60, local=False)") is True
    assert bench.proxy.key("soon").get(timeout=PATIENCE)["expires_at"] is not None


def test_an_action_knows_who_started_its_run_and_has_keys_of_that_user(bench: Bench, tmp_path: Path) -> None:
    """Also in a sub-workflow, whose user is that of the run at the top."""
    calls = tmp_path / "calls.yaml"
    calls.write_text("ref: x.calls\ntasks:\n- {name: t, action: x.asks}\noutput_map: {r: '{{ task.t.result.r }}'}\n")
    code = (
        "[s.get_user_info()['username'], s.set_value('k', 1, local=False, scope='user'),"
        " s.get_value('k', local=False, scope='st2kv.user'), s.get_value('k', local=False)]"
    )
    (tmp_path / "asks.yaml").write_text(
        f'ref: x.asks\ntasks:\n- {{name: t, action: hosts.go, input: {{code: "{code}"}}}}\n'
        "output_map: {r: '{{ task.t.result.result }}'}\n"
    )
    by = Requester(who="ada", via="cli", source="local")
    run = bench.proxy.submit(str(calls), by=by).get(timeout=PATIENCE)
    outcome = outcome_of(run)
    assert outcome.output == {"r": ["ada", True, "1", None]}, outcome.errors
    assert bench.proxy.key("k", "user", "ada").get(timeout=PATIENCE)["value"] == "1"
    (child,) = bench.proxy.runs(parent=run.id).get(timeout=PATIENCE)["runs"]
    assert child["requested_by"] == {"who": "ada", "via": "cli"}


def test_a_run_of_nobody_has_no_keys_of_a_user(bench: Bench) -> None:
    assert _evaluate(bench, "s.get_user_info()['username']") == ""
    assert "it is not known who started the run" in _evaluate(bench, "s.get_value('k', scope='user')")


def test_a_secret_must_be_asked_for(bench: Bench) -> None:
    """A list has no values of secrets."""
    assert _evaluate(bench, "s.set_value('token', 'hush', encrypt=True)") is True
    assert "pass decrypt=True" in _evaluate(bench, "s.get_value('token')")
    assert _evaluate(bench, "s.get_value('token', decrypt=True) == 'hush'") is True
    assert _evaluate(bench, "[each.value for each in s.list_values()]") == [None]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("s.set_value('a b', 'x', local=False)", "set_value: the name of a key must be letters"),
        ("s.set_value('large', 'x' * 2000000)", "kv.max_value_bytes"),
        ("s.get_value('name', scope='pack')", "the scope must be one of 'system', 'st2kv.system', 'user'"),
        ("s.set_value('name', 'x', ttl='soon')", "Expected `float | null`"),
    ],
)
def test_a_refused_request_is_an_exception_of_the_action(bench: Bench, code: str, message: str) -> None:
    """With the reason. The process goes on."""
    error = _evaluate(bench, code)
    assert "KeyValueStoreError" in error
    assert message in error
    assert _evaluate(bench, "s.get_value('name')") is None


def test_a_question_that_is_none_is_answered(bench: Bench) -> None:
    """So that no worker waits for ever."""
    replies: list[bytes] = []
    keys = ActionKeys(HeldKeys(), lambda: bench.proxy.actor_ref)
    for data in (b"", b"[]", b'{"request": "all"}'):
        keys.answer(data, "hosts.go", "", replies.append)
    assert [reply[:10] for reply in replies] == [b'{"error":"'] * 3
