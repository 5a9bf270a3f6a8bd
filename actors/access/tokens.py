"""The format of tokens: scanners of secrets find them, and a mistyped one is recognised without looking it up.

    str_ 8Kq0Zr3v 43 characters of secret (256 bits)           6 of checksum
         '- the id, which is no secret

All characters are of base 62. The checksum is the CRC-32 of everything before it. A token is random, so that a fast
hash of it is safe: SHA-256, of the whole token, is all that is stored.
"""

import hashlib
import re
import secrets
import string
import zlib
from typing import Final, NamedTuple

from stretto.actors.access.errors import Unauthenticated

PREFIX: Final = "str_"
ID_CHARACTERS: Final = 8
SECRET_CHARACTERS: Final = 43
CHECK_CHARACTERS: Final = 6
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM: Final = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{ID_CHARACTERS}}})[0-9A-Za-z]{{{SECRET_CHARACTERS}}}([0-9A-Za-z]{{{CHECK_CHARACTERS}}})"
)


class NewToken(NamedTuple):
    """A token that was just made, and its id."""

    id: str
    text: str


def new_token() -> NewToken:
    """Return a new random token."""
    token_id, secret = _random(ID_CHARACTERS), _random(SECRET_CHARACTERS)
    body = f"{PREFIX}{token_id}{secret}"
    return NewToken(token_id, body + checksum(body))


def id_of(token: str) -> str:
    """Return the id of a token. Raises `Unauthenticated` if it is malformed or its checksum is wrong."""
    form = _FORM.fullmatch(token)
    if form is None or checksum(token[:-CHECK_CHARACTERS]) != form[2]:
        raise Unauthenticated("malformed")
    return form[1]


def checksum(body: str) -> str:
    """Return the checksum of a token without its checksum."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a token, a session's secret or a code, in hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _random(characters: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(characters))
