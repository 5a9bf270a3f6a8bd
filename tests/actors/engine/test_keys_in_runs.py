"""Runs that read the key-value store: the present keys, and after a recovery or in a report those of the run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Outcome, RunHandle
from stretto.actors.journal.encryption import new_key
from stretto.actors.outcome import RunWasParked
from tests.support.engines import Bench, outcome_of
from tests.support.held_work import LEDGER, ledger
from tests.support.waiting import PATIENCE

__all__ = ["ledger"]

NATIVE = """
ref: test.native
vars: {first: "{{ kv.color }}"}
tasks:
  - name: held
    action: held.work
    input: {value: "{{ kv.color }}"}
    next: [{publish: [{then: "{{ kv.color }}", result: "{{ result() }}"}], do: [last]}]
  - {name: last, action: core.echo, input: {message: "{{ kv['color'] }}"}}
output_map:
  all: ["{{ workflow.first }}", "{{ workflow.result }}", "{{ workflow.then }}", "{{ task.last.result }}"]
  at_the_end: "{{ kv.color }}"
"""
ORQUESTA = """
input: [name]
tasks:
  say:
    action: core.echo message=<% st2kv(ctx(name), default => "none", decrypt => true) %>
output: [{said: <% ctx(said) %>}]
""".replace("    action", "    next: [{publish: [{said: <% result().stdout %>}]}]\n    action")


def get(future: Any) -> Any:
    return future.get(timeout=PATIENCE)


def set_key(bench: Bench, name: str, value: Any, **given: Any) -> None:
    get(bench.proxy.set_key(name, value, **given))


def run_orquesta(bench: Bench, text: str, inputs: dict[str, Any]) -> Outcome:
    path = bench.folder / "orquesta.yaml"
    path.write_text("version: 1.0\n" + text)
    return outcome_of(get(bench.proxy.submit(str(path), inputs)))


@pytest.fixture
def held_run(start_bench: Callable[..., Bench], durable_url: str) -> tuple[Bench, RunHandle]:
    """Return an engine with a run whose item is held, and changes the key that the run has read."""
    bench = start_bench(store=durable_url)
    set_key(bench, "color", "red")
    LEDGER.held = {"red"}
    handle = bench.submit(NATIVE)
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    set_key(bench, "color", "blue")
    return bench, handle


def test_each_event_reads_the_present_key(held_run: tuple[Bench, RunHandle]) -> None:
    """The input of a task is that of its start."""
    bench, handle = held_run
    LEDGER.gate.set()
    assert outcome_of(handle).output == {"all": ["red", "red", "blue", "blue"], "at_the_end": "blue"}
    entries = get(bench.proxy.history(handle.id, kind="keys_read"))["entries"]
    assert [[key["value"] for key in entry["keys"]] for entry in entries] == [["red"], ["blue"]]
    versions = get(bench.proxy.context_versions(handle.id))["versions"]
    published = next(each["at"] for each in versions if "variables.then" in each["names"])
    set_key(bench, "color", "green")
    assert get(bench.proxy.context_value(handle.id, published, ("variables", "then"))) == "blue"
    assert get(bench.proxy.context_value(handle.id, None, ("variables", "first"))) == "red"
    assert get(bench.proxy.item_input(handle.id, "held")) == {"value": "red"}


def test_a_recovered_run_reads_what_it_had_read(
    held_run: tuple[Bench, RunHandle], start_bench: Callable[..., Bench], durable_url: str
) -> None:
    """Its item starts again with the same input. Later events read the present key."""
    first, handle = held_run
    stop = first.proxy.stop(grace=0)
    with pytest.raises(RunWasParked):
        outcome_of(handle)
    LEDGER.gate.set()
    get(stop)
    LEDGER.held = set()
    second = start_bench(store=durable_url)
    get(second.proxy.host.recovered())
    outcome = outcome_of(get(second.proxy.handle(handle.id)))
    assert outcome.output == {"all": ["red", "red", "blue", "blue"], "at_the_end": "blue"}
    set_key(second, "color", "green")
    LEDGER.held = set()
    again = outcome_of(get(second.proxy.rerun(handle.id)))
    assert again.output == {"all": ["green"] * 4, "at_the_end": "green"}


def test_a_key_that_is_not_there_fails_the_expression(start_bench: Callable[..., Bench]) -> None:
    """Unless it asks whether it is there."""
    bench = start_bench()
    task = 'ref: test.a\ntasks: [{name: a, action: core.echo, input: {message: "%s"}}]\n'
    text = task + 'output_map: {a: "{{ task.a.data }}"}\n'
    failed = bench.run(text % "{{ kv.color }}")
    assert "there is no key 'color' in the scope 'system'" in failed.errors[0]["message"]
    computed = bench.run(text % "{{ kv['col' ~ 'or'] }}")
    assert "an input reads keys by literal names only" in computed.errors[0]["message"]
    assert bench.run(text % "{{ kv.color | default('none') }}").output == {"a": "none"}
    set_key(bench, "color", {"r": [1]})
    assert bench.run(text % "{{ kv.color.r }}").output == {"a": [1]}


def test_orquesta_reads_keys_with_st2kv(start_bench: Callable[..., Bench]) -> None:
    """With a default, in each scope that has an owner; a text within an input reads none."""
    bench = start_bench()
    set_key(bench, "color", "red")
    set_key(bench, "color", "green", scope="pack", owner="ops")
    for name, value in (
        ("system.color", "red"), ("color", "red"), ("pack.ops.color", "green"), ("system.none", "none"),
        ("user.color", "none"), ("", "none"),
    ):  # fmt: skip
        assert run_orquesta(bench, ORQUESTA, {"name": name}).output == {"said": value}, name
    echo = ORQUESTA.replace('st2kv(ctx(name), default => "none", decrypt => true)', "ctx(name)")
    failed = run_orquesta(bench, echo, {"name": "<% st2kv('system.color') %>"})
    assert "an expression in a value cannot read the key-value store" in failed.errors[0]["message"]


def test_a_secret_key_is_masked_wherever_it_shows(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path
) -> None:
    """Without `decrypt` Orquesta does not read it."""
    key = tmp_path / "store.key"
    key.touch(mode=0o600)
    key.write_text(new_key())
    bench = start_bench(store=durable_url, store_key=key)
    set_key(bench, "token", "t0ken-of-other", secret=True)
    native = """
ref: test.secret
tasks:
  - {name: a, action: core.echo, input: {message: "with {{ kv.token }}"}, next: [{publish: [{b: "{{ kv.token }}"}]}]}
output_map: {a: "{{ task.a.data }}", b: "{{ workflow.b }}"}
"""
    handle = bench.submit(native)
    assert outcome_of(handle).output == {"a": "with ******", "b": "******"}
    shown = [get(bench.proxy.run(handle.id)), get(bench.proxy.export(handle.id)), get(bench.proxy.history(handle.id))]
    assert "t0ken" not in repr(shown)
    assert "'keys': [{'place': 'system.token'" in repr(shown)
    assert not any(b"t0ken" in path.read_bytes() for path in tmp_path.glob("*.db*"))
    assert run_orquesta(bench, ORQUESTA, {"name": "system.token"}).output == {"said": "******"}
    failed = run_orquesta(bench, ORQUESTA.replace(", decrypt => true", ""), {"name": "system.token"})
    assert "is secret: pass decrypt=true" in failed.errors[0]["message"]
