"""Authentication, and the changes of tokens and sessions: what counts when."""

from typing import Any

import msgspec
import pytest

from stretto.actors.access import access as access_module
from stretto.actors.access.access import Access
from stretto.actors.access.errors import Forbidden, InvalidToken, TokenExists, Unauthenticated, UnknownToken
from stretto.actors.access.keeping import Kept
from stretto.actors.access.made import Created
from stretto.actors.access.sessions import CODE_SECONDS, IDLE_SECONDS, LONGEST_SECONDS, USE_PRECISION_SECONDS
from stretto.actors.access.tokens import checksum, digest_of, new_token
from stretto.actors.journal import (
    AddEnterCode,
    AddSession,
    AddToken,
    AuditEntry,
    EndSession,
    Enter,
    NoteSessionUse,
    NoteTokenUse,
    RevokeToken,
    StoreUnavailable,
)
from stretto.definitions.errors import LimitExceeded
from tests.support.access import ADMIN, Keeper, token
from tests.support.waiting import PATIENCE

DAY = 86_400.0
NOON = 20_000 * DAY + DAY / 2


class Desk:
    """Access with a keeper that records, and a clock that the test sets."""

    def __init__(self, kept: Kept | None = None, *, waits: bool = False) -> None:
        self.now = NOON
        self.keeper = Keeper(kept, waits=waits)
        self.access = Access(self.keeper, lambda: self.now)

    def create(self, name: str = "ci", **given: Any) -> Created:
        usual: dict[str, Any] = {"role": "operator", "by": ADMIN}
        return self.access.create_token(name, **{**usual, **given}).result(PATIENCE)

    def refused(self, text: str) -> str:
        with pytest.raises(Unauthenticated) as refused:
            self.access.caller_of_token(text, source="10.0.0.1")
        return refused.value.reason


def test_a_token_is_a_caller() -> None:
    """With its name, role and restriction; the runs that it starts are remote."""
    desk = Desk()
    made = desk.create(workflows=("ops.a",))
    caller = desk.access.caller_of_token(made.text, source="10.0.0.1")
    assert (caller.who, caller.via, caller.source) == ("ci", "api", "10.0.0.1")
    assert (caller.role, caller.origin, caller.workflows, caller.token) == (
        "operator",
        "remote",
        ("ops.a",),
        made.record.id,
    )
    assert desk.access.is_valid(caller)


def test_the_secret_goes_nowhere_but_to_its_maker() -> None:
    """The keeper gets a digest."""
    desk = Desk()
    made = desk.create(note="for the pipeline")
    assert made.text not in repr(desk.keeper.applied)
    assert made.text[12:] not in repr(desk.keeper.applied)
    assert made.record.digest == digest_of(made.text)
    assert desk.access.tokens() == [made.record]


def test_unknown_wrong_expired_and_revoked_tokens_are_refused() -> None:
    """Whoever has only the id learns nothing."""
    desk = Desk()
    made = desk.create(lasts=60.0)
    other = new_token()
    forged = made.text[:12] + other.text[12:-6]
    assert desk.refused(other.text) == "unknown"
    assert desk.refused(forged + checksum(forged)) == "unknown"
    assert desk.refused(made.text[:-1] + ("0" if made.text[-1] != "0" else "1")) == "malformed"
    desk.now += 60.0
    assert desk.refused(made.text) == "expired"
    desk.access.revoke_token("ci", by=ADMIN).result(PATIENCE)
    assert desk.refused(made.text) == "revoked"
    assert desk.refused(forged + checksum(forged)) == "unknown"


def test_a_token_counts_once_it_is_durable() -> None:
    """Until then its name is free, and the keeper decides who gets it."""
    desk = Desk(waits=True)
    first = desk.access.create_token("ci", "viewer", by=ADMIN)
    second = desk.access.create_token("ci", "viewer", by=ADMIN)
    assert not first.done()
    assert desk.access.tokens() == []
    (_, _, kept), (_, _, also) = desk.keeper.applied
    kept.set_result(True)
    also.set_result(False)
    assert first.result(PATIENCE).record.name == "ci"
    with pytest.raises(TokenExists, match="there is a token 'ci' already"):
        second.result(PATIENCE)
    with pytest.raises(TokenExists):
        desk.access.create_token("ci", "viewer", by=ADMIN)


def test_a_token_that_could_not_be_kept_is_none() -> None:
    """Its maker gets the store's error."""
    desk = Desk(waits=True)
    made = desk.access.create_token("ci", "viewer", by=ADMIN)
    desk.keeper.applied[0][2].set_exception(StoreUnavailable("the disk is full"))
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        made.result(PATIENCE)
    assert desk.access.tokens() == []


def test_a_revocation_counts_at_once() -> None:
    """Also before it is durable; if it cannot be kept, the token can be revoked again."""
    desk = Desk()
    made = desk.create()
    caller = desk.access.caller_of_token(made.text, source="")
    heard: list[str] = []
    desk.access.on_end(lambda: heard.append("ended"))
    desk.keeper.waits = True
    revoked = desk.access.revoke_token("ci", by=ADMIN)
    assert desk.refused(made.text) == "revoked"
    assert heard == ["ended"]
    assert not desk.access.is_valid(caller)
    desk.keeper.changed = (made.record,)  # another process has changed the file, which has no revocation yet
    desk.access.refresh()
    assert not desk.access.is_valid(caller)
    desk.keeper.changed = None
    desk.keeper.applied[-1][2].set_exception(StoreUnavailable("the disk is full"))
    with pytest.raises(StoreUnavailable):
        revoked.result(PATIENCE)
    assert desk.access.is_valid(caller)
    again = desk.access.revoke_token(made.record.id, by=ADMIN)
    desk.keeper.applied[-1][2].set_result(True)
    assert again.result(PATIENCE).revoked_at == NOON


def test_only_a_known_token_can_be_revoked() -> None:
    """The error names those there are."""
    desk = Desk()
    desk.create("ci")
    with pytest.raises(UnknownToken, match="there is no token 'cd' to revoke; there are: ci"):
        desk.access.revoke_token("cd", by=ADMIN)


def test_token_changes_carry_their_audit() -> None:
    """Who, what, on what, and the note."""
    desk = Desk()
    desk.create(note="for ci")
    desk.access.revoke_token("ci", by=ADMIN, note="leaked").result(PATIENCE)
    entries = [entry for _, audit, _ in desk.keeper.applied for entry in audit if isinstance(entry, AuditEntry)]
    assert [(each.who, each.operation, each.target, each.note, each.at) for each in entries] == [
        ("mira", "create_token", "ci", "for ci", NOON),
        ("mira", "revoke_token", "ci", "leaked", NOON),
    ]


@pytest.mark.parametrize(
    "given", [{"role": "operator"}, {"role": "viewer"}, {"role": "hook"}, {"workflows": ("ops.a",)}]
)
def test_only_an_unrestricted_administrator_makes_and_revokes_tokens(given: dict[str, Any]) -> None:
    """Otherwise a token could make one with more rights."""
    desk = Desk()
    desk.create()
    caller = msgspec.structs.replace(ADMIN, **given)
    with pytest.raises(Forbidden):
        desk.access.create_token("more", "admin", by=caller)
    with pytest.raises(Forbidden):
        desk.access.revoke_token("ci", by=caller)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": ""}, "the name of a token must have 1 to 64"),
        ({"name": "a" * 65}, "the name of a token must have 1 to 64"),
        ({"name": "a b"}, "got 'a b'"),
        ({"name": "a\n"}, "got 'a"),
        ({"role": "root"}, "must be one of viewer, operator, admin, hook, got 'root'"),
        ({"role": "oprator"}, r"got 'oprator'; did you mean 'operator'\?"),
        ({"lasts": 0.0}, "longer than 0 seconds, .* got 0"),
        ({"lasts": float("inf")}, "got inf"),
        ({"lasts": float("nan")}, "got nan"),
        ({"lasts": 1e12}, r"at most 3,153,600,000 \(MAX_LASTS_SECONDS\), got 1e\+12"),
        ({"workflows": ()}, "1 to 100 workflows, got 0"),
        ({"workflows": ("a\x00",)}, "printable characters"),
    ],
)
def test_a_token_that_cannot_be_is_refused(given: dict[str, Any], message: str) -> None:
    """Nothing is kept of it."""
    desk = Desk()
    usual: dict[str, Any] = {"name": "ci", "role": "viewer", "by": ADMIN}
    with pytest.raises(InvalidToken, match=message):
        desk.access.create_token(**{**usual, **given})
    assert desk.keeper.changes == []


def test_tokens_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Revoked ones do not count."""
    monkeypatch.setattr(access_module, "MAX_TOKENS", 2)
    desk = Desk(Kept((token("AAAAAAAA"), token("BBBBBBBB", revoked_at=1.0))))
    desk.create("one")
    with pytest.raises(LimitExceeded, match="there are 2 tokens already"):
        desk.create("two")


def test_the_day_of_a_use_is_noted_once() -> None:
    """A day's precision needs one write a day."""
    desk = Desk()
    made = desk.create()
    for _ in range(3):
        desk.access.caller_of_token(made.text, source="")
    desk.now += DAY
    desk.access.caller_of_token(made.text, source="")
    today = NOON - DAY / 2
    uses = [change for change in desk.keeper.changes if isinstance(change, NoteTokenUse)]
    assert uses == [NoteTokenUse(made.record.id, today), NoteTokenUse(made.record.id, today + DAY)]
    assert desk.access.tokens()[0].used_on == today + DAY


def test_a_code_begins_one_session_with_the_rights_of_its_maker() -> None:
    """Also with the restriction and the origin."""
    desk = Desk()
    made = desk.create(role="viewer", workflows=("ops.a",))
    maker = desk.access.caller_of_token(made.text, source="")
    code = desk.access.new_enter_code(maker).result(PATIENCE).text
    secret = desk.access.enter(code).result(PATIENCE)
    with pytest.raises(Unauthenticated):
        desk.access.enter(code)
    caller = desk.access.caller_of_session(secret, source="10.0.0.9")
    assert (caller.who, caller.via, caller.role, caller.workflows) == ("ci", "page", "viewer", ("ops.a",))
    assert (caller.origin, caller.source, caller.token) == ("remote", "10.0.0.9", made.record.id)
    assert [type(change) for change in desk.keeper.changes if not isinstance(change, AddToken | NoteTokenUse)] == [
        AddEnterCode, Enter,
    ]  # fmt: skip
    assert code not in repr(desk.keeper.applied)
    assert secret not in repr(desk.keeper.applied)


def test_a_code_is_good_for_a_minute() -> None:
    """Then it is used up, too."""
    desk = Desk()
    code = desk.access.new_enter_code(ADMIN).result(PATIENCE).text
    desk.now += CODE_SECONDS
    with pytest.raises(Unauthenticated) as refused:
        desk.access.enter(code)
    assert refused.value.reason == "expired"


def test_the_keeper_decides_whether_a_code_was_used() -> None:
    """Another daemon of the same store may have taken it."""
    desk = Desk(waits=True)
    made = desk.access.new_enter_code(ADMIN)
    desk.keeper.applied[-1][2].set_result(True)
    entered = desk.access.enter(made.result(PATIENCE).text)
    desk.keeper.applied[-1][2].set_result(False)
    with pytest.raises(Unauthenticated):
        entered.result(PATIENCE)


def test_a_session_ends_without_use_and_at_last() -> None:
    """Its use is noted now and then."""
    desk = Desk()
    secret = desk.access.begin_session(ADMIN).result(PATIENCE)
    began = desk.now
    while desk.now + IDLE_SECONDS / 2 < began + LONGEST_SECONDS:
        desk.now += IDLE_SECONDS / 2
        desk.access.caller_of_session(secret, source="")
    desk.now = began + LONGEST_SECONDS
    with pytest.raises(Unauthenticated) as refused:
        desk.access.caller_of_session(secret, source="")
    assert refused.value.reason == "expired"
    idle = desk.access.begin_session(ADMIN).result(PATIENCE)
    desk.now += USE_PRECISION_SECONDS
    desk.access.caller_of_session(idle, source="")
    desk.access.caller_of_session(idle, source="")
    assert sum(change == NoteSessionUse(digest_of(idle), desk.now) for change in desk.keeper.changes) == 1
    desk.now += IDLE_SECONDS
    with pytest.raises(Unauthenticated):
        desk.access.caller_of_session(idle, source="")


def test_a_session_ends_with_its_token() -> None:
    """With its revocation at once, and with its expiry."""
    desk = Desk()
    made = desk.create(lasts=3600.0)
    maker = desk.access.caller_of_token(made.text, source="")
    secret = desk.access.begin_session(maker).result(PATIENCE)
    session = next(change.session for change in desk.keeper.changes if isinstance(change, AddSession))
    assert session.ends_at == NOON + 3600.0
    caller = desk.access.caller_of_session(secret, source="")
    assert RevokeToken(made.record.id, NOON) not in desk.keeper.changes
    desk.access.revoke_token("ci", by=ADMIN).result(PATIENCE)
    assert not desk.access.is_valid(caller)
    with pytest.raises(Unauthenticated):
        desk.access.caller_of_session(secret, source="")


def test_a_session_can_be_ended() -> None:
    """Its streams are told."""
    desk = Desk()
    secret = desk.access.begin_session(ADMIN).result(PATIENCE)
    caller = desk.access.caller_of_session(secret, source="")
    heard: list[str] = []
    desk.access.on_end(lambda: heard.append("ended"))
    desk.access.end_session(secret).result(PATIENCE)
    assert heard == ["ended"]
    assert not desk.access.is_valid(caller)
    assert EndSession(digest_of(secret)) in desk.keeper.changes


def test_an_open_stream_is_a_use_of_its_session() -> None:
    """It asks now and then whether its caller is still valid."""
    desk = Desk()
    secret = desk.access.begin_session(ADMIN).result(PATIENCE)
    caller = desk.access.caller_of_session(secret, source="")
    for _ in range(3):
        desk.now += IDLE_SECONDS - 1
        assert desk.access.is_valid(caller)
    desk.now += IDLE_SECONDS
    assert not desk.access.is_valid(caller)
    uses = [change for change in desk.keeper.changes if isinstance(change, NoteSessionUse)]
    assert len(uses) == 3


def test_what_another_process_changes_is_taken_over() -> None:
    """A token that was revoked in the file is refused with the next request, and its session with it."""
    desk = Desk()
    made = desk.create()
    secret = desk.access.begin_session(desk.access.caller_of_token(made.text, source="")).result(PATIENCE)
    heard: list[str] = []
    desk.access.on_end(lambda: heard.append("changed"))
    desk.keeper.changed = (token(made.record.id, digest=made.record.digest, revoked_at=NOON),)
    assert desk.refused(made.text) == "revoked"
    assert heard == ["changed"]
    with pytest.raises(Unauthenticated):
        desk.access.caller_of_session(secret, source="")


def test_a_caller_without_token_and_session_stays_valid() -> None:
    """The owner of the socket."""
    desk = Desk()
    assert desk.access.is_valid(ADMIN)
    desk.access.close()
    assert desk.keeper.closed
