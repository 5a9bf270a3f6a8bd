"""Clients' own keys for runs: what is one, what it stands for, and whose it is."""

from typing import Any

import pykka
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.journal.records import Idempotency, RequestKey, Rerun
from stretto.actors.outcome import RunHandle
from stretto.actors.runs.idempotency import (
    MAX_KEY_LENGTH,
    IdempotencyConflict,
    InvalidIdempotencyKey,
    RememberedKeys,
    checked_key,
    idempotency_of,
    idempotency_of_rerun,
)
from stretto.definitions.data.frozen import FrozenDict, freeze
from stretto.definitions.dialects import read_workflow
from stretto.definitions.model.workflow import Workflow

TEXT = """
ref: tests.keyed
version: "1"
parameters:
  hosts: {}
  password: {secret: true}
  user: {}
tasks: [{name: a, action: core.noop}]
"""
KEY = RequestKey("k")
KEYED = read_workflow(TEXT, "keyed.yaml")


def idempotency(parameters: dict[str, Any], workflow: Workflow = KEYED, key: RequestKey = KEY) -> Idempotency:
    """Return what the key "k" stands for with these parameters."""
    frozen = freeze(parameters)
    assert isinstance(frozen, FrozenDict)
    found = idempotency_of(key, workflow, frozen)
    assert found is not None
    return found


@given(st.text(max_size=MAX_KEY_LENGTH + 5))
def test_a_key_is_a_short_text_that_can_be_written_down(key: str) -> None:
    """Anything else is refused, and nothing is changed."""
    if 1 <= len(key) <= MAX_KEY_LENGTH and key.isprintable() and key == key.strip():
        assert checked_key(key) == key
    else:
        with pytest.raises(InvalidIdempotencyKey, match="1 to 255 printable characters"):
            checked_key(key)


def test_a_key_of_a_rerun_stands_for_the_old_run_and_what_of_it_runs_again() -> None:
    """And is not that of the run itself."""
    everything = idempotency_of_rerun(KEY, Rerun("r1", "everything"))
    assert everything == idempotency_of_rerun(KEY, Rerun("r1", "everything", None))
    others = {
        idempotency_of_rerun(KEY, Rerun("r2", "everything")), idempotency_of_rerun(KEY, Rerun("r1", "failed_items")),
        idempotency_of_rerun(KEY, Rerun("r1", "failed_items", "t")), idempotency({}),
    }  # fmt: skip
    assert len(others) == 4
    assert everything not in others


def test_a_key_stands_for_labels_and_a_text_as_they_were_given() -> None:
    """They make another run. A request without them has the digest of earlier versions, which stores have."""
    plain = idempotency({"user": "a"})
    assert plain.fingerprint == "14d8b05127c7b5015102786059cd1a1a"
    assert idempotency({"user": "a"}, key=RequestKey("k", {})) == plain
    labelled = idempotency({"user": "a"}, key=RequestKey("k", {"env": "prod", "team": "x"}))
    assert labelled == idempotency({"user": "a"}, key=RequestKey("k", {"team": "x", "env": "prod"}))
    of_a_text = idempotency({"user": "a"}, key=RequestKey("k", None, TEXT))
    others = (
        idempotency({"user": "a"}, key=RequestKey("k", {"env": "dev"})),
        idempotency({"user": "a"}, key=RequestKey("k", None, TEXT + "# changed")),
    )
    assert len({plain.fingerprint, labelled.fingerprint, of_a_text.fingerprint, *(o.fingerprint for o in others)}) == 5
    rerun = Rerun("r1", "everything")
    assert idempotency_of_rerun(KEY, rerun) != idempotency_of_rerun(RequestKey("k", {"a": "b"}), rerun)


PARAMETERS = st.dictionaries(st.sampled_from(["hosts", "user"]), st.integers(0, 3) | st.text(max_size=2), max_size=2)


@given(PARAMETERS, PARAMETERS)
def test_a_key_stands_for_a_workflow_and_its_inputs(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The order in which they are given is of no matter, and a secret leaves no trace: it could be tried out."""
    same = idempotency(dict(reversed(one.items())))
    assert idempotency(one) == same
    assert (idempotency(one) == idempotency(other)) == (one == other)
    assert idempotency({**one, "password": "sesame"}) == same
    renamed = read_workflow(TEXT.replace("tests.keyed", "tests.other"), "other.yaml")
    assert idempotency(one, renamed) != same


def a_handle(run_id: str) -> RunHandle:
    return RunHandle(run_id, "tests.keyed", pykka.ThreadingFuture())


def test_without_a_store_a_key_is_remembered_with_its_run() -> None:
    """Another request cannot have it, and the error names its run."""
    keys, handle = RememberedKeys(), a_handle("run-1")
    asked = Idempotency("k", "print")
    assert keys.find(asked) is None
    keys.keep(asked, handle)
    assert keys.find(asked) is handle
    with pytest.raises(IdempotencyConflict, match="the idempotency key belongs to the run run-1"):
        keys.find(Idempotency("k", "another"))
    assert keys.find(Idempotency("another", "print")) is None


def test_only_so_many_keys_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    monkeypatch.setattr("stretto.actors.runs.idempotency.MAX_REMEMBERED_KEYS", 3)
    keys = RememberedKeys()
    for number in range(5):
        keys.keep(Idempotency(str(number), "print"), a_handle(str(number)))
    assert [keys.find(Idempotency(str(number), "print")) is not None for number in range(5)] == [False] * 2 + [True] * 3
