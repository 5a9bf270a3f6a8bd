"""How long sessions last, and the token of their forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.access.sessions import (
    IDLE_SECONDS,
    csrf_token,
    has_ended,
    is_csrf_token,
    new_secret,
)
from tests.support.access import session


def test_a_secret_has_256_bits() -> None:
    """43 characters of 6 bits, and no two alike."""
    assert len(new_secret()) == 43
    assert len({new_secret() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("now", "ended"),
    [
        (IDLE_SECONDS - 1, False),
        (IDLE_SECONDS, True),
        (IDLE_SECONDS + 1, True),
    ],
)
def test_a_session_ends_without_use(now: float, ended: bool) -> None:
    """Half a day after its last use."""
    assert has_ended(session(used_at=0.0, ends_at=1e9), now) is ended


def test_a_session_ends_however_much_it_is_used() -> None:
    """At the time that was fixed when it began."""
    assert not has_ended(session(used_at=999.0, ends_at=1000.0), 999.5)
    assert has_ended(session(used_at=999.0, ends_at=1000.0), 1000.0)


@given(st.text(), st.text())
def test_the_token_of_forms_belongs_to_one_session(given_token: str, other: str) -> None:
    """It is no text that the client could choose, and no other session's."""
    secret = new_secret()
    assert is_csrf_token(secret, csrf_token(secret))
    assert not is_csrf_token(secret, given_token)
    assert not is_csrf_token(secret, csrf_token(other))
    assert secret not in csrf_token(secret)
