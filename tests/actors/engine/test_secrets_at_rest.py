"""Secrets of runs in a store: encrypted there, and masked in all reports, before and after a recovery."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import create_engine, make_url, text

from stretto.actors import ActionFailed, Engine, action
from stretto.actors.journal.encryption import new_key
from stretto.actors.journal.store import CannotOpenStore, Unrecordable
from stretto.actors.outcome import RunWasParked
from stretto.definitions.conductor import IllegalTransition
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

PASSWORD = "s3cr3t-Passw0rd"
TOKEN = "tok-en-0f-the-keystore"
BEGUN = threading.Semaphore(0)
GATE = threading.Event()

LEAKY = """
ref: test.leaky
parameters: {password: {type: string, secret: true}, name: {type: string}}
tasks:
  - name: use
    action: secrets.connect
    input: {url: "db://{{ parameters.password }}@host", token: "{{ keystore.token | upper }}"}
    next: [{publish: [{seen: "{{ result() }}"}], do: [hold]}]
  - name: hold
    action: secrets.hold
    input: {text: "{{ workflow.seen }}"}
    next: [{do: [leak]}]
  - {name: leak, action: secrets.leak, input: {text: "{{ parameters.password | upper }} {{ workflow.seen }}"}}
output_map: {seen: "{{ workflow.seen }}", name: "{{ parameters.name }}"}
"""


@action("secrets.connect")
def connect(url: str, token: str) -> str:
    """Give back what was given."""
    return f"{url} with {token}"


@action("secrets.hold")
def hold(text: str) -> int:
    """Wait at the gate."""
    BEGUN.release()
    GATE.wait(PATIENCE)
    return len(text)


@action("secrets.leak")
def leak(text: str) -> None:
    """Fail, and tell everything."""
    raise ActionFailed(f"cannot use {text}", result={"tried": text})


@pytest.fixture(autouse=True)
def gate() -> Iterator[None]:
    GATE.clear()
    while BEGUN.acquire(blocking=False):
        pass
    yield
    GATE.set()


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(new_key())
    return str(path)


def everything_in(url: str) -> str:
    """Return all that the tables hold, as text; of SQLite also the bytes of its files."""
    engine = create_engine(make_url(url.replace("postgresql:", "postgresql+psycopg:")))
    found = []
    with engine.connect() as connection:
        for table in ("runs", "run_inputs", "run_ends", "definitions", "surroundings", "entries", "tasks"):
            for row in connection.execute(text(f"SELECT * FROM {table}")):  # noqa: S608 - names of ours
                found += [bytes(each).decode(errors="replace") if isinstance(each, bytes | memoryview) else str(each)
                          for each in row]  # fmt: skip
    engine.dispose()
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        found += [each.read_bytes().decode(errors="replace") for each in path.parent.glob(f"{path.name}*")]
    return "\n".join(found)


def holds_secrets(shown: Any) -> bool:
    written = shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()
    return any(secret in written for secret in (PASSWORD, PASSWORD.upper(), TOKEN, TOKEN.upper()))


def test_no_secret_is_in_the_store_or_in_reports_before_and_after_a_recovery(
    start_bench: Callable[..., Bench], durable_url: str, key: str
) -> None:
    """Not in inputs, results, errors, outputs, nor what expressions made of them."""
    settings = {"store": durable_url, "store_key": key, "keystore": {"token": TOKEN}}
    first = start_bench(**settings)
    handle = first.submit(LEAKY, {"password": PASSWORD, "name": "harmless"})
    assert BEGUN.acquire(timeout=PATIENCE)
    stop = first.proxy.stop(grace=0)
    with pytest.raises(RunWasParked):
        outcome_of(handle)
    GATE.set()
    stop.get(timeout=PATIENCE)
    assert not holds_secrets(everything_in(durable_url))
    second = start_bench(**settings)
    outcome = outcome_of(second.proxy.handle(handle.id).get(timeout=PATIENCE))
    assert outcome.status == "failed"
    assert "cannot use ******" in outcome.errors[0]["message"]
    assert outcome.output is not None
    assert outcome.output["name"] == "harmless"
    shown = [
        outcome,
        second.proxy.run(handle.id).get(timeout=PATIENCE),
        second.proxy.items(handle.id).get(timeout=PATIENCE),
        second.proxy.export(handle.id).get(timeout=PATIENCE),
        second.proxy.status(handle.id).get(timeout=PATIENCE),
    ]
    assert not any(holds_secrets(each) for each in shown)
    assert "harmless" in msgspec.json.encode(shown[1]).decode()
    assert not holds_secrets(everything_in(durable_url))


WRITTEN_DOWN = """
ref: test.written_down
parameters: {password: {type: string, secret: true, default: s3cr3t-Passw0rd}}
tasks: [{name: a, action: core.noop}]
"""


def test_a_secret_that_stands_in_the_definition_does_not_stand_in_the_store(
    start_bench: Callable[..., Bench], durable_url: str, key: str
) -> None:
    """The definition of a run with secrets is encrypted, too; with the key it is shown as ever."""
    bench = start_bench(store=durable_url, store_key=key)
    run = bench.submit(WRITTEN_DOWN)
    assert outcome_of(run).status == "succeeded"
    assert not holds_secrets(everything_in(durable_url))
    exported = bench.proxy.export(run.id).get(timeout=PATIENCE)
    assert "ref: test.written_down" in exported["definition"]["text"]
    assert not holds_secrets(exported)


HANDS_BACK = """
version: "1.0.0"
ref: test.hands_back
parameters: {password: {type: string, secret: true}}
tasks: [{name: hold, action: secrets.hold, input: {text: "{{ parameters.password }}"}}]
output_map: {password: "{{ parameters.password }}"}
"""
PASSES_ON = """
ref: test.passes_on
parameters: {password: {type: string, secret: true}}
tasks:
  - {name: call, action: test.hands_back, input: {password: "{{ parameters.password }}"}, next: [{do: [use]}]}
  - {name: use, action: secrets.hold, input: {text: "{{ task.call.result.password }}"}}
output_map: {length: "{{ task.use.result }}"}
"""


def test_a_sub_workflow_gives_a_secret_to_its_parent_and_tells_nobody(
    start_bench: Callable[..., Bench], durable_url: str, key: str, tmp_path: Path
) -> None:
    """Neither who waits for its outcome, nor who asks for that later; the parent's task works with it as it is."""
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "child.yaml").write_text(HANDS_BACK)
    bench = start_bench(store=durable_url, store_key=key, definitions=tmp_path / "definitions")
    parent = bench.submit(PASSES_ON, {"password": PASSWORD})
    assert BEGUN.acquire(timeout=PATIENCE)
    (child_id,) = set(bench.proxy.run_ids().get(timeout=PATIENCE)) - {parent.id}
    child = bench.proxy.handle(child_id).get(timeout=PATIENCE)
    GATE.set()
    assert outcome_of(parent).output == {"length": len(PASSWORD)}
    assert outcome_of(child).output == {"password": "******"}
    assert outcome_of(bench.proxy.handle(child_id).get(timeout=PATIENCE)).output == {"password": "******"}


def test_a_run_with_secrets_is_refused_where_there_is_no_key(
    start_bench: Callable[..., Bench], postgres_url: str
) -> None:
    """A file of SQLite's has one made beside it; for PostgreSQL the operator gives one. Other runs need none."""
    bench = start_bench(store=postgres_url)
    with pytest.raises(Unrecordable, match="key") as refused:
        bench.submit(LEAKY.replace("keystore.token", "parameters.name"), {"password": PASSWORD, "name": "n"})
    assert PASSWORD not in str(refused.value)
    assert bench.run("tasks: [{name: a, action: core.noop}]\n").status == "succeeded"


def test_without_the_key_what_is_secret_stays_so_and_the_rest_is_shown(
    start_bench: Callable[..., Bench], durable_url: str, key: str, tmp_path: Path
) -> None:
    """A run that cannot be read waits for an engine that can; this one and the other runs are none the worse."""
    first = start_bench(store=durable_url, store_key=key)
    handle = first.submit(LEAKY.replace("keystore.token", "parameters.name"), {"password": PASSWORD, "name": "n"})
    assert BEGUN.acquire(timeout=PATIENCE)
    stop = first.proxy.stop(grace=0)
    with pytest.raises(RunWasParked):
        outcome_of(handle)
    GATE.set()
    stop.get(timeout=PATIENCE)
    other = tmp_path / "other-key"
    other.touch(mode=0o600)
    other.write_text(new_key())
    second = start_bench(store=durable_url, store_key=str(other))
    second.proxy.host.recovered().get(timeout=PATIENCE)
    assert second.run("tasks: [{name: a, action: core.noop}]\n").status == "succeeded"
    left = second.proxy.runs().get(timeout=PATIENCE)["runs"][-1]
    assert (left["workflow"], left["status"]) == ("test.leaky", "running")
    with pytest.raises(IllegalTransition, match="the engine could not recover it"):
        second.proxy.cancel(handle.id).get(timeout=PATIENCE)
    second.proxy.stop().get(timeout=PATIENCE)
    third = start_bench(store=durable_url, store_key=key)
    outcome = outcome_of(third.proxy.handle(handle.id).get(timeout=PATIENCE))
    assert "cannot use ******" in outcome.errors[0]["message"]
    assert third.proxy.run(handle.id).get(timeout=PATIENCE)["errors"][0]["task"] == "leak"


def test_no_key_is_made_for_a_store_that_has_lost_its_own(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """A new one could read nothing: the store is not opened, and the message says what to do."""
    url = f"sqlite:///{tmp_path}/runs.db"
    start_bench(store=url).proxy.stop().get(timeout=PATIENCE)
    (tmp_path / "runs.db.key").rename(tmp_path / "elsewhere")
    with pytest.raises(CannotOpenStore, match=r"runs\.db\.key is missing.*stretto store key"):
        Engine.start(store=url)
    assert not (tmp_path / "runs.db.key").exists()
