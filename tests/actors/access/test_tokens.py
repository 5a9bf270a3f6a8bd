"""The format of tokens: what is one, what is mistyped, and that nothing but a digest is needed of it."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.access.errors import Unauthenticated
from stretto.actors.access.tokens import (
    CHECK_CHARACTERS,
    ID_CHARACTERS,
    PREFIX,
    SECRET_CHARACTERS,
    checksum,
    digest_of,
    id_of,
    new_token,
)

BASE_62 = string.digits + string.ascii_letters
BODIES = st.text(BASE_62, min_size=ID_CHARACTERS + SECRET_CHARACTERS, max_size=ID_CHARACTERS + SECRET_CHARACTERS)


def test_a_new_token_has_the_form_that_scanners_look_for() -> None:
    """And the id that it is listed by."""
    token = new_token()
    assert re.fullmatch(r"str_[0-9A-Za-z]{57}", token.text)
    assert len(token.text) == len(PREFIX) + ID_CHARACTERS + SECRET_CHARACTERS + CHECK_CHARACTERS
    assert token.text.startswith(PREFIX + token.id)
    assert id_of(token.text) == token.id


def test_no_two_tokens_are_alike() -> None:
    """Neither in their ids nor in their secrets."""
    made = [new_token() for _ in range(200)]
    assert len({each.id for each in made}) == len(made)
    assert len({each.text[len(PREFIX) + ID_CHARACTERS : -CHECK_CHARACTERS] for each in made}) == len(made)


def test_the_secret_has_256_bits() -> None:
    """43 characters of 62 are just enough."""
    assert 62**SECRET_CHARACTERS >= 2**256 > 62 ** (SECRET_CHARACTERS - 1)
    assert 62**CHECK_CHARACTERS >= 2**32


@given(BODIES)
def test_every_text_of_the_form_with_its_checksum_is_a_token(body: str) -> None:
    """Its id comes first."""
    whole = PREFIX + body
    assert id_of(whole + checksum(whole)) == body[:ID_CHARACTERS]


@given(BODIES, st.data())
def test_one_wrong_character_is_noticed(body: str, data: st.DataObject) -> None:
    """The checksum covers every character, also those of the prefix and of itself."""
    whole = PREFIX + body
    token = whole + checksum(whole)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(sorted(set(BASE_62 + "_") - {token[place]})))
    with pytest.raises(Unauthenticated) as refused:
        id_of(token[:place] + other + token[place + 1 :])
    assert refused.value.reason == "malformed"


@given(BODIES, st.integers(0, 50))
def test_two_characters_that_changed_places_are_noticed(body: str, place: int) -> None:
    """The most common slip after a wrong character."""
    whole = PREFIX + body
    token = whole + checksum(whole)
    at = len(PREFIX) + place % (len(body) - 1)
    swapped = token[:at] + token[at + 1] + token[at] + token[at + 2 :]
    if swapped != token:
        with pytest.raises(Unauthenticated):
            id_of(swapped)


@pytest.mark.parametrize("text", ["", "str_", "str_" + "a" * 56, "str_" + "a" * 58, "str_" + "é" * 57, "x", "\ud800"])
def test_a_text_of_another_form_is_no_token(text: str) -> None:
    """It is not looked up, and not shown."""
    with pytest.raises(Unauthenticated) as refused:
        id_of(text)
    assert refused.value.reason == "malformed"


def test_a_line_break_at_the_end_is_not_ignored() -> None:
    """A pattern that ends with $ would."""
    with pytest.raises(Unauthenticated):
        id_of(new_token().text + "\n")


@given(st.text())
def test_any_text_has_a_digest(text: str) -> None:
    """A client may send what it wants."""
    assert re.fullmatch(r"[0-9a-f]{64}", digest_of(text))
