"""News of a run survive their encoding, and put its state together again."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.engine.run_states import (
    ItemStates,
    RunState,
    changes_between,
    decode_news,
    encode_news,
    state_after,
)
from stretto.actors.journal import MAX_NEWS_BYTES
from stretto.actors.runs import ErrorGroup, ItemChanges, RunChanges

states = st.one_of(st.none(), st.binary(max_size=40).map(lambda text: bytes(each % 9 for each in text)))
reports = st.fixed_dictionaries({"status": st.sampled_from(["running", "succeeded"]), "visits": st.integers(0, 3)})
run_states = st.builds(
    RunState,
    workflow=st.just("a.b"),
    number=st.integers(-1, 100),
    status=st.sampled_from(["running", "paused"]),
    tasks=st.fixed_dictionaries(dict.fromkeys("ab", reports)),
    items=st.dictionaries(st.sampled_from("ab"), st.builds(ItemStates, st.integers(1, 3), states, st.booleans())),
)


def settled(state: RunState) -> RunState:
    """Return a state in which items behind the last one that does not wait are left out."""
    items = {
        name: each if each.states is None else each._replace(states=each.states.rstrip(b"\0"))
        for name, each in state.items.items()
    }
    return RunState(state.workflow, state.number, state.status, state.tasks, items)


@given(known=run_states, now=run_states)
def test_changes_lead_from_one_state_to_the_next(known: RunState, now: RunState) -> None:
    """Also after their encoding. Tasks and items never disappear."""
    known.items.update({name: each for name, each in now.items.items() if name not in known.items})
    now.items.update({name: each for name, each in known.items.items() if name not in now.items})
    news = decode_news("r", encode_news(7, changes_between("r", known, now)))
    assert news is not None
    assert news.changes is not None
    assert (news.number, news.ended, news.changes.since) == (7, False, known.number)
    assert settled(state_after(known, news.changes)) == settled(now)


@given(now=run_states)
def test_a_complete_report_is_the_whole_state(now: RunState) -> None:
    news = decode_news("r", encode_news(1, changes_between("r", None, now)))
    assert news is not None
    assert news.changes is not None
    assert news.changes.since is None
    assert settled(state_after(None, news.changes)) == settled(now)


def changes(tasks: dict[str, Any], items: dict[str, ItemChanges], errors: tuple[ErrorGroup, ...] = ()) -> RunChanges:
    return RunChanges("r", "a.b", 5, None, "running", tasks, items, errors)


def test_messages_of_errors_are_not_sent() -> None:
    """Everybody who may connect to the database can listen to notifications."""
    group = ErrorGroup("a", 1, "failed", "no route to 192.0.2.1", None, 1, 0)
    news = decode_news("r", encode_news(1, changes({}, {}, (group,))))
    assert news is not None
    assert news.changes is not None
    assert news.changes.errors == ()


def test_news_are_bounded() -> None:
    """States of items are left out if they do not fit, so that clients fetch them. Then all changes are."""
    noise = Random(1)  # noqa: S311 - no secret
    items = {"a": ItemChanges(1, None, bytes(noise.choices(range(9), k=200_000)), by_entries=True)}
    body = encode_news(3, changes({"a": {"status": "running"}}, items))
    assert len(body) <= MAX_NEWS_BYTES
    news = decode_news("r", body)
    assert news is not None
    assert news.changes is not None
    assert news.changes.items == {"a": ItemChanges(1, None, None, by_entries=True)}
    many = {str(each): {"status": noise.randbytes(8).hex()} for each in range(10_000)}
    news = decode_news("r", encode_news(4, changes(many, items)))
    assert news is not None
    assert (news.number, news.changes) == (4, None)


def test_what_is_not_news_is_not_decoded() -> None:
    assert decode_news("r", b"no news") is None
    assert decode_news("r", encode_news(1, None)[:-6]) is None


def test_states_that_were_not_known_are_sent_as_a_whole() -> None:
    """Ranges say nothing without the states that they change."""
    unknown = RunState("a.b", 1, "running", {}, {"a": ItemStates(1, None, True)})
    known = RunState("a.b", 2, "running", {}, {"a": ItemStates(1, b"\3\3", True)})
    assert changes_between("r", unknown, known).items == {"a": ItemChanges(1, None, b"\3\3", by_entries=True)}
    ranges = ItemChanges(1, {"succeeded": [0]}, None, by_entries=True)
    later = RunChanges("r", "a.b", 3, 2, "running", {}, {"a": ranges}, ())
    assert state_after(unknown, later).items == {"a": ItemStates(1, None, True)}
