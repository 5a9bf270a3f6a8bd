"""A change of a schedule or a sensor is made by the engine that owns it, whichever engine is asked."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.dispatch.deferred import Reply
from stretto.actors.engine.owners import OwnerRequests
from stretto.actors.journal import EngineLink, Requester
from stretto.actors.journal.store import StoreUnavailable
from stretto.definitions.errors import StrettoError
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from stretto.actors.engine.relay import Relay
    from stretto.actors.runs import Services

OWN_NUMBER = 3
OTHER_NUMBER = 5
BY = Requester(who="ann", via="api", source="192.0.2.1", role="operator")


class NotOwned(StrettoError):
    code = "not_owned"


class Asked:
    """The engine that is asked, with a store that names an owner. Implements the parts of it that are used."""

    def __init__(self, owner: int | None, *, durable: bool = True, has_peers: bool = True) -> None:
        self.owner = owner
        self.reads = 0
        self.relayed: list[tuple[Any, ...]] = []
        self.at_other = Deferred()
        self.unreadable: StrettoError | None = None
        self._has_peers = has_peers
        services = SimpleNamespace(journal=SimpleNamespace(durable=durable), readers=self)
        self._requests = OwnerRequests(
            cast("Services", services), cast("EngineLink", SimpleNamespace(engine=OWN_NUMBER)), cast("Relay", self),
            NotOwned, lambda _reader, ref: self.owner if ref == "nightly" else None,
        )  # fmt: skip

    def read(
        self, read: Callable[[Any], Any], then: Callable[[Any], None], failed: Callable[[BaseException], None]
    ) -> None:
        """Read at once, in place of `Readers.read`."""
        self.reads += 1
        if self.unreadable is None:
            then(read(None))
        else:
            failed(self.unreadable)

    def to_engine(self, engine: int, method: str, arguments: Any, by: Any) -> Callable[[], Deferred] | None:
        """Note what another engine would be asked, in place of `Relay.to_engine`."""
        if not self._has_peers:
            return None

        def ask() -> Deferred:
            self.relayed.append((engine, method, *arguments, by))
            return self.at_other

        return ask

    def change(self, own: Deferred) -> Reply[Any]:
        """Pause a schedule. Return its answer."""
        reply: Reply[Any] = Reply()
        answer = self._requests.at_owner("pause_schedule", own, "nightly", BY, lambda ref: f"{ref} in the store")
        answer.subscribe(reply, set())
        return reply


def refusing() -> Deferred:
    """Return the answer of an engine that is not the owner."""
    own = Deferred()
    own.fail(NotOwned("not here"))
    return own


def test_the_owner_answers_itself() -> None:
    """Nothing is read, and no other engine is asked."""
    asked, own = Asked(OTHER_NUMBER), Deferred()
    answer = asked.change(own)
    own.resolve("paused")
    assert answer.get(timeout=PATIENCE) == "paused"
    assert (asked.reads, asked.relayed) == (0, [])


def test_another_owner_is_asked_once() -> None:
    """In the name of who asks. Its answer is the answer."""
    asked = Asked(OTHER_NUMBER)
    answer = asked.change(refusing())
    assert asked.relayed == [(OTHER_NUMBER, "pause_schedule", "nightly", BY)]
    asked.at_other.resolve("paused there")
    assert answer.get(timeout=PATIENCE) == "paused there"
    assert len(asked.relayed) == 1


def test_a_change_without_a_value_is_looked_up_in_the_store() -> None:
    asked = Asked(OTHER_NUMBER)
    answer = asked.change(refusing())
    asked.at_other.resolve(None)
    assert answer.get(timeout=PATIENCE) == "nightly in the store"


def test_the_refusal_of_another_owner_is_the_answer() -> None:
    """Also if it is not the owner any more: the request does not wander from engine to engine."""
    asked = Asked(OTHER_NUMBER)
    answer = asked.change(refusing())
    asked.at_other.fail(NotOwned("not here either"))
    with pytest.raises(NotOwned, match="not here either"):
        answer.get(timeout=PATIENCE)
    assert len(asked.relayed) == 1


@pytest.mark.parametrize(
    "asked",
    [
        Asked(None),
        Asked(OWN_NUMBER),
        Asked(OTHER_NUMBER, has_peers=False),
        Asked(OTHER_NUMBER, durable=False),
    ],
    ids=["no owner", "its own", "no other engines", "no store"],
)
def test_a_refusal_stays_if_no_other_engine_can_be_asked(asked: Asked) -> None:
    with pytest.raises(NotOwned, match="not here"):
        asked.change(refusing()).get(timeout=PATIENCE)
    assert asked.relayed == []


def test_another_error_than_the_refusal_is_the_answer() -> None:
    """The engine is the owner then, and the change has failed."""
    asked, own = Asked(OTHER_NUMBER), Deferred()
    answer = asked.change(own)
    own.fail(StrettoError("no such time zone"))
    with pytest.raises(StrettoError, match="no such time zone"):
        answer.get(timeout=PATIENCE)
    assert (asked.reads, asked.relayed) == (0, [])


def test_a_store_that_cannot_be_read_is_the_answer() -> None:
    asked = Asked(OTHER_NUMBER)
    asked.unreadable = StoreUnavailable("the store is away")
    with pytest.raises(StoreUnavailable, match="the store is away"):
        asked.change(refusing()).get(timeout=PATIENCE)
