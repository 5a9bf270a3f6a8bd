"""What another engine has changed is known before a request is judged, or within a second."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from stretto.actors.access.access import Access
from stretto.actors.access.errors import Unauthenticated
from stretto.actors.access.keeping import Kept, done
from stretto.actors.access.rereading import FRESH_SECONDS, MAX_REPEATS, READ_SECONDS, WAIT_SECONDS
from stretto.actors.access.sessions import IDLE_SECONDS
from stretto.actors.access.shared_keeping import Asked, SharedJournalKeeper
from stretto.actors.access.tokens import digest_of, new_token
from stretto.actors.journal import (
    AccessChange,
    AuditEntries,
    EndSession,
    EnterCodeRecord,
    JournalLink,
    SessionRecord,
    StoreUnavailable,
    TokenRecord,
)
from tests.support.access import ADMIN, Keeper, enter_code, session, token
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from concurrent.futures import Future

_Read = tuple[Asked, Callable[[Kept], object], Callable[[BaseException], object]]


class Shared(SharedJournalKeeper):
    """A keeper whose changes are durable at once, and whose reads the test answers."""

    def __init__(self, kept: Kept) -> None:
        self.now = 0.0
        self.reads: list[_Read] = []
        super().__init__(JournalLink(), lambda: kept, lambda *read: self.reads.append(read), lambda: self.now)
        self.applied: list[AccessChange] = []

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> "Future[bool]":
        self.applied.append(change)
        if isinstance(change, EndSession):
            self._count_change()
        return done(lambda: True)


class Scene:
    """An access of a shared store, at its start. `text` is a token that the store may have."""

    def __init__(self) -> None:
        self.text = new_token().text
        self.token = token(self.text[4:12], digest=digest_of(self.text))
        self.session = session(digest_of("s"), ends_at=1e9)
        self.keeper = Shared(Kept())
        self.access = Access(self.keeper, lambda: 100.0 + self.keeper.now)

    def waits(self, **secret: str) -> "Future[None]":
        waiting = self.access.awaited(**secret)
        assert waiting is not None
        assert not waiting.done()
        return waiting

    def answer(
        self,
        number: int = -1,
        *,
        tokens: tuple[TokenRecord, ...] = (),
        sessions: tuple[SessionRecord, ...] = (),
        codes: tuple[EnterCodeRecord, ...] = (),
    ) -> Asked:
        """Answer a read, and return what it asks for."""
        asked, take, _fail = self.keeper.reads[number]
        take(Kept(tokens, sessions, codes))
        return asked

    def knows_token(self) -> bool:
        try:
            return self.access.caller_of_token(self.text, source="").who == self.token.name
        except Unauthenticated:
            return False

    def knows_session(self) -> bool:
        try:
            return self.access.caller_of_session("s", source="").who == "mira"
        except Unauthenticated:
            return False


@pytest.fixture
def scene() -> Scene:
    """Return an access of a shared store without tokens."""
    return Scene()


def test_a_token_that_another_engine_has_just_made_is_asked_for_alone(scene: Scene) -> None:
    """The request waits for that. Once it is known, no request waits."""
    waiting = scene.waits(token=scene.text)
    assert scene.answer(tokens=(scene.token,)) == Asked(frozenset({scene.token.id}))
    assert waiting.done()
    assert scene.knows_token()
    assert scene.access.awaited(token=scene.text) is None


def test_a_session_that_another_engine_has_begun_is_known_with_its_token(scene: Scene) -> None:
    """Its token may be new as well."""
    scene.waits(session="s")
    of_token = session(digest_of("s"), token=scene.token.id)
    assert scene.answer(tokens=(scene.token,), sessions=(of_token,)) == Asked(frozenset(), frozenset({of_token.digest}))
    assert scene.access.caller_of_session("s", source="").token == scene.token.id


def test_a_code_of_another_engine_begins_a_session(scene: Scene) -> None:
    """The store decides whether it is used: it is there once."""
    scene.waits(code="c")
    scene.answer(codes=(enter_code(digest_of("c"), expires_at=160.0),))
    assert scene.access.caller_of_session(scene.access.enter("c").result(PATIENCE), source="").who == "mira"
    assert scene.access.awaited(code="d") is not None


def test_who_sends_nonsense_asks_nobody(scene: Scene) -> None:
    """A token with a wrong checksum is refused without the store, and a request without a secret waits for nothing."""
    assert scene.access.awaited(token=f"{scene.text}0") is None
    assert scene.access.awaited() is None
    assert scene.keeper.reads == []


def test_a_steady_sender_never_waits_and_an_old_knowledge_is_waited_for(scene: Scene) -> None:
    """All tokens are read again every half second that somebody sends, and after a second only a fresh read counts."""
    scene.waits(token=scene.text)
    scene.answer(tokens=(scene.token,))
    scene.keeper.now = READ_SECONDS
    assert scene.access.awaited(token=scene.text) is None
    assert scene.answer(tokens=(scene.token,)) == Asked(None)
    scene.keeper.now = 2 * READ_SECONDS
    assert scene.access.awaited(token=scene.text) is None
    scene.answer(tokens=(scene.token,))
    assert len(scene.keeper.reads) == 3
    scene.keeper.now += FRESH_SECONDS
    waiting = scene.waits(token=scene.text)
    revoked = token(scene.token.id, digest=scene.token.digest, revoked_at=101.0)
    assert scene.answer(tokens=(revoked,)) == Asked(None)
    assert waiting.done()
    assert not scene.knows_token()


def test_the_streams_of_what_has_ended_elsewhere_are_told(scene: Scene) -> None:
    """As the read comes, without another request. A read without such an end tells nobody."""
    heard: list[str] = []
    scene.access.on_end(lambda: heard.append("ended"))
    scene.waits(token=scene.text)
    scene.answer(tokens=(scene.token,))
    assert heard == []
    scene.keeper.now = READ_SECONDS
    scene.access.refresh()
    scene.answer()
    assert heard == ["ended"]
    assert not scene.knows_token()


def test_a_log_out_elsewhere_ends_a_session_within_a_second(scene: Scene) -> None:
    """A session that was not looked at for a second is asked for, although all tokens were read a moment ago."""
    scene.waits(session="s")
    scene.answer(sessions=(scene.session,))
    assert scene.knows_session()
    scene.keeper.now = FRESH_SECONDS
    scene.access.refresh()
    assert scene.answer() == Asked(None, frozenset({scene.session.digest}))
    assert not scene.knows_session()

    scene.waits(session="s")
    scene.answer(sessions=(scene.session,))
    for _ in range(3):  # others send, and it does not
        scene.keeper.now += READ_SECONDS
        scene.access.refresh()
        scene.answer()
    waiting = scene.waits(session="s")
    assert scene.answer() == Asked(frozenset(), frozenset({scene.session.digest}))
    assert waiting.done()
    assert not scene.knows_session()


def test_a_session_in_use_is_asked_for_with_all_tokens(scene: Scene) -> None:
    """So its requests do not wait."""
    scene.waits(session="s")
    scene.answer(sessions=(scene.session,))
    for _ in range(5):
        scene.keeper.now += READ_SECONDS
        assert scene.access.awaited(session="s") is None
        assert scene.knows_session()
        scene.answer(sessions=(scene.session,))
    assert len(scene.keeper.reads) == 6


def test_a_session_that_is_used_elsewhere_is_not_idle_here(scene: Scene) -> None:
    """Nor is it ended by a log-in here, which ends those that are over."""
    scene.waits(session="s")
    scene.answer(sessions=(scene.session,))
    scene.keeper.now = IDLE_SECONDS + 1
    scene.waits(session="s")
    scene.answer(sessions=(session(scene.session.digest, used_at=scene.keeper.now, ends_at=1e9),))
    assert scene.knows_session()
    scene.keeper.now += IDLE_SECONDS + 1
    scene.access.begin_session(ADMIN).result(PATIENCE)
    assert [each for each in scene.keeper.applied if isinstance(each, EndSession)] == []


def test_a_read_does_not_bring_back_what_ended_here_meanwhile(scene: Scene) -> None:
    """It is repeated, for all who wait; not for ever."""
    scene.waits(session="s")
    scene.answer(sessions=(scene.session,))
    scene.access.end_session("s").result(PATIENCE)
    waiting = scene.waits(session="s")
    scene.access.end_session("other").result(PATIENCE)
    scene.answer(sessions=(scene.session,))
    assert not waiting.done()
    scene.answer()
    assert waiting.done()
    assert not scene.knows_session()

    waiting = scene.waits(session="s")
    for _ in range(MAX_REPEATS + 1):
        assert not waiting.done()
        scene.access.end_session("other").result(PATIENCE)
        scene.answer(sessions=(scene.session,))
    assert waiting.done()
    assert not scene.knows_session()


def test_many_unknown_senders_wait_for_one_read_at_a_time(scene: Scene) -> None:
    """Those who come while one is under way share the next one."""
    first = scene.waits(session="1")
    others = [scene.waits(session=str(number)) for number in range(2, 100)]
    assert len(scene.keeper.reads) == 1
    scene.answer()
    assert first.done()
    assert len(scene.keeper.reads) == 2
    assert not any(each.done() for each in others)
    assert len(scene.answer().sessions) == 98
    assert all(each.done() for each in others)
    assert len(scene.keeper.reads) == 2


def test_requests_go_on_with_what_is_known_while_the_store_cannot_be_read(scene: Scene) -> None:
    """After an error they do not wait for the next try; of a read that hangs, only for a while."""
    scene.waits(token=scene.text)
    scene.answer(tokens=(scene.token,))
    scene.keeper.now = FRESH_SECONDS
    waiting = scene.waits(token=scene.text)
    scene.keeper.reads[-1][2](StoreUnavailable("a lost server"))
    assert waiting.done()
    assert scene.knows_token()
    assert scene.access.awaited(token=scene.text) is None
    scene.keeper.now += READ_SECONDS
    scene.waits(token=scene.text)
    scene.keeper.now += WAIT_SECONDS
    assert scene.access.awaited(token=scene.text) is None
    assert scene.knows_token()


def test_no_waiter_can_give_up_for_the_others(scene: Scene) -> None:
    """A client that leaves cancels what it waits for."""
    waiting = scene.waits(session="s")
    assert not waiting.cancel()
    scene.answer(sessions=(scene.session,))
    assert waiting.result(0) is None


def test_an_access_of_its_own_waits_for_nothing() -> None:
    """A store with one daemon, and a file of tokens."""
    access = Access(Keeper())
    secrets: dict[str, Any] = {"token": new_token().text, "session": "s", "code": "c"}
    assert not access.is_shared
    assert access.awaited(**secrets) is None
