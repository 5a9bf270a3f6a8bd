"""Tokens, sessions and codes in memory."""

import pytest

from stretto.actors.access import held
from stretto.actors.access.errors import Unauthenticated
from stretto.actors.access.held import Held
from stretto.actors.access.keeping import Kept
from tests.support.access import enter_code, session, token


def reason_of(refused: pytest.ExceptionInfo[Unauthenticated]) -> str:
    return refused.value.reason


def test_a_token_is_found_by_its_name_or_id_until_it_is_revoked() -> None:
    """A revoked one leaves its name to another."""
    old, new = token("AAAAAAAA", name="ci", revoked_at=5.0), token("BBBBBBBB", name="ci")
    known = Held(Kept((old, new)))
    assert known.named("ci") == known.named("BBBBBBBB") == new
    assert known.named("AAAAAAAA") is None
    assert known.named("cd") is None


def test_a_token_is_valid_until_it_expires() -> None:
    """At that moment it is not."""
    known = Held(Kept((token(expires_at=10.0),)))
    assert known.check_token("AAAAAAAA", 9.9).id == "AAAAAAAA"
    with pytest.raises(Unauthenticated) as refused:
        known.check_token("AAAAAAAA", 10.0)
    assert reason_of(refused) == "expired"


def test_a_session_is_as_valid_as_its_token() -> None:
    """It outlives neither its token's end nor its revocation, also if the token is gone."""
    of_token = session(token="AAAAAAAA")
    for tokens, reason in (
        ((), "unknown"),
        ((token(revoked_at=1.0),), "revoked"),
        ((token(expires_at=2.0),), "expired"),
    ):
        with pytest.raises(Unauthenticated) as refused:
            Held(Kept(tokens, (of_token,))).check_session(of_token.digest, 3.0)
        assert reason_of(refused) == reason
    assert Held(Kept((token(),), (of_token,))).check_session(of_token.digest, 3.0) == of_token


def test_a_new_session_ends_those_that_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the one unused for the longest time if there are too many."""
    monkeypatch.setattr(held, "MAX_SESSIONS", 2)
    over, used, unused = session("1", ends_at=10.0), session("2", used_at=9.0), session("3", used_at=8.0)
    known = Held(Kept((), (over, used, unused)))
    assert known.add_session(session("4", made_at=10.0, used_at=10.0), 10.0) == ["1", "3"]
    assert set(known.sessions) == {"2", "4"}


def test_a_code_is_good_once() -> None:
    """Whatever comes of it."""
    known = Held(Kept((), (), (enter_code("x"), enter_code("y"))))
    assert known.take_code("x", 59.9).digest == "x"
    with pytest.raises(Unauthenticated) as refused:
        known.take_code("x", 59.9)
    assert reason_of(refused) == "unknown"
    with pytest.raises(Unauthenticated) as refused:
        known.take_code("y", 60.0)
    assert reason_of(refused) == "expired"
    assert not known.codes


def test_codes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expired ones go first, then the oldest."""
    monkeypatch.setattr(held, "MAX_CODES", 2)
    known = Held(Kept((), (), (enter_code("1", expires_at=5.0), enter_code("2", expires_at=50.0))))
    known.add_code(enter_code("3", expires_at=60.0), 5.0)
    assert set(known.codes) == {"2", "3"}
    known.add_code(enter_code("4", expires_at=61.0), 6.0)
    assert set(known.codes) == {"3", "4"}


def test_a_revoked_token_takes_its_sessions_and_codes_with_it() -> None:
    """Others stay."""
    known = Held(
        Kept(
            (token(),),
            (session("1", token="AAAAAAAA"), session("2")),
            (enter_code("1", token="AAAAAAAA"), enter_code("2")),
        )
    )
    known.forget_token("AAAAAAAA")
    assert (set(known.sessions), set(known.codes)) == ({"2"}, {"2"})
