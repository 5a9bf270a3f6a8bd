"""Tokens of a shared store: what another engine has changed is seen within a second of requests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stretto.actors.access.keeping import Kept
from stretto.actors.access.shared_keeping import REFRESH_SECONDS, SharedJournalKeeper
from stretto.actors.dispatch import Deferred
from stretto.actors.journal.access import EndSession, TokenRecord
from stretto.actors.journal.link import JournalLink
from stretto.actors.journal.store import StoreUnavailable

TOKEN = TokenRecord(id="t", name="ci", role="viewer", digest="d", made_at=1.0, made_by="owner")


class Scene:
    """A keeper whose reads are answered by the test, and whose changes become durable when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reads: list[tuple[Callable[..., Any], Callable[..., Any]]] = []
        self.changes: list[Deferred] = []
        link = JournalLink()
        setattr(link, JournalLink.change_access.__name__, self._change)
        self.keeper = SharedJournalKeeper(link, Kept, lambda *calls: self.reads.append(calls), lambda: self.now)

    def _change(self, *_given: Any) -> Deferred:
        self.changes.append(Deferred())
        return self.changes[-1]


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Return a keeper at its start."""
    return Scene()  # type: ignore[return-value]


def test_tokens_are_read_again_when_a_request_comes_and_used_by_the_next_one(scene: Scene) -> None:
    """At most once a second, and not without requests."""
    assert scene.keeper.changed_tokens() is None
    assert scene.reads == []
    scene.now += REFRESH_SECONDS
    assert scene.keeper.changed_tokens() is None
    assert scene.keeper.changed_tokens() is None
    ((taken, _),) = scene.reads
    taken((TOKEN,))
    assert scene.keeper.changed_tokens() == (TOKEN,)
    assert scene.keeper.changed_tokens() is None


def test_what_was_read_before_a_change_of_this_engine_is_not_used(scene: Scene) -> None:
    """A token that it has just made would be unknown, and one that it has revoked valid."""
    scene.now += REFRESH_SECONDS
    scene.keeper.changed_tokens()
    scene.keeper.apply(EndSession("x"))
    scene.reads[0][0](())
    assert scene.keeper.changed_tokens() is None
    scene.now += REFRESH_SECONDS
    scene.keeper.changed_tokens()
    scene.changes[0].resolve(True)
    scene.reads[1][0](())
    assert scene.keeper.changed_tokens() is None
    scene.now += REFRESH_SECONDS
    scene.keeper.changed_tokens()
    scene.reads[2][0]((TOKEN,))
    assert scene.keeper.changed_tokens() == (TOKEN,)


def test_a_read_that_fails_is_repeated(scene: Scene) -> None:
    """The tokens stay as they are known."""
    scene.now += REFRESH_SECONDS
    scene.keeper.changed_tokens()
    scene.reads[0][1](StoreUnavailable("a lost server"))
    assert scene.keeper.changed_tokens() is None
    scene.now += REFRESH_SECONDS
    scene.keeper.changed_tokens()
    assert len(scene.reads) == 2
