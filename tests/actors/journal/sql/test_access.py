"""The tables of access, in each kind of store."""

import pytest
from sqlalchemy import update

from stretto.actors.journal.access import (
    AccessChange,
    AddEnterCode,
    AddSession,
    AddToken,
    AuditQuery,
    EndSession,
    Enter,
    NoteSessionUse,
    NoteTokenUse,
    RevokeToken,
)
from stretto.actors.journal.audit import AuditEntries, Requester
from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.sql import ownership
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.sql.tables import tokens
from stretto.actors.journal.store import StoreUnavailable
from tests.support.access import enter_code, session, token
from tests.support.stores import rows_of

AUDIT: AuditEntries = Requester(who="mira", via="cli", source="local").asks("change", "x", 1.0)


def apply(store: Store, *changes: AccessChange) -> list[bool]:
    return [store.access.apply(change, AUDIT) for change in changes]


def test_a_token_is_kept_with_all_its_fields(store: Store) -> None:
    """Also with none of those that are optional."""
    full = token("BBBBBBBB", expires_at=9.5, used_on=0.0, workflows=("ops.a", "ops.b"), made_at=101.0)
    assert apply(store, AddToken(token()), AddToken(full)) == [True, True]
    assert store.reader.access.tokens() == [token(), full]


def test_a_name_is_taken_until_its_token_is_revoked(store: Store) -> None:
    """Refused changes leave no audit."""
    first, second = token("AAAAAAAA", name="ci"), token("BBBBBBBB", name="ci", made_at=101.0)
    assert apply(store, AddToken(first), AddToken(second)) == [True, False]
    assert apply(store, RevokeToken("AAAAAAAA", 5.0), RevokeToken("AAAAAAAA", 6.0)) == [True, False]
    assert apply(store, AddToken(second), RevokeToken("ZZZZZZZZ", 6.0)) == [True, False]
    assert [each.revoked_at for each in store.reader.access.tokens()] == [5.0, None]
    assert rows_of(store, "audit") == 3


def test_a_revocation_ends_the_sessions_and_codes_of_its_token(store: Store) -> None:
    """And no others."""
    apply(
        store, AddToken(token()), AddSession(session("1", token="AAAAAAAA")), AddSession(session("2")),
        AddEnterCode(enter_code("1", token="AAAAAAAA"), 0.0), AddEnterCode(enter_code("2"), 0.0),
        RevokeToken("AAAAAAAA", 5.0),
    )  # fmt: skip
    assert [each.digest for each in store.reader.access.sessions()] == ["2"]
    assert [each.digest for each in store.reader.access.enter_codes()] == ["2"]


def test_uses_are_noted(store: Store) -> None:
    """Of tokens and sessions."""
    apply(
        store, AddToken(token()), AddSession(session()), NoteTokenUse("AAAAAAAA", 86_400.0),
        NoteSessionUse(session().digest, 7.0),
    )  # fmt: skip
    assert store.reader.access.tokens()[0].used_on == 86_400.0
    assert store.reader.access.sessions()[0].used_at == 7.0


def test_sessions_end_and_make_room(store: Store) -> None:
    """A new one removes those that are over."""
    apply(store, AddSession(session("1", ends_at=10.0)), AddSession(session("2", workflows=("ops.a",), made_at=1.0)))
    assert apply(store, AddSession(session("3", made_at=10.0))) == [True]
    assert [each.digest for each in store.reader.access.sessions()] == ["2", "3"]
    assert store.reader.access.sessions()[0].workflows == ("ops.a",)
    assert apply(store, EndSession("2"), EndSession("2")) == [True, False]


def test_a_code_is_good_once(store: Store) -> None:
    """Its session comes with its use."""
    assert apply(store, AddEnterCode(enter_code("x"), 0.0)) == [True]
    used = Enter("x", session("1", made_at=59.0))
    assert apply(store, used, Enter("x", session("2", made_at=59.0))) == [True, False]
    assert [each.digest for each in store.reader.access.sessions()] == ["1"]
    apply(store, AddEnterCode(enter_code("y"), 0.0))
    assert apply(store, Enter("y", session("3", made_at=60.0))) == [False]
    apply(store, AddEnterCode(enter_code("z", expires_at=99.0), 60.0))
    assert [each.digest for each in store.reader.access.enter_codes()] == ["z"]


def test_a_change_and_its_audit_are_one_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure behind both leaves neither."""

    def die(*_anything: object) -> None:
        raise StoreUnavailable("the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr(ownership.Ownership, "_count_commit", die)
        with pytest.raises(StoreUnavailable):
            apply(store, AddToken(token()))
    assert store.reader.access.tokens() == []
    assert store.reader.access.audit(AuditQuery()).rows == ()
    assert apply(store, AddToken(token())) == [True]
    assert (rows_of(store, "tokens"), rows_of(store, "audit")) == (1, 1)


def test_a_damaged_row_is_reported(store: Store) -> None:
    """It is not taken for a token."""
    apply(store, AddToken(token(workflows=("ops.a",))))
    with store._ownership.transaction() as connection:
        connection.execute(update(tokens).values(workflows='{"a": 1}'))
    with pytest.raises(UnreadableRecord):
        store.reader.access.tokens()
    with store._ownership.transaction() as connection:
        connection.execute(update(tokens).values(workflows=None, made_at=1e300))
    with pytest.raises(UnreadableRecord, match="a time is out of range"):
        store.reader.access.tokens()
