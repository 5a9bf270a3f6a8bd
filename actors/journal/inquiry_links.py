"""Personal links: each lets one person answer one inquiry without a token.

A link has a random code. Only the digest of the code is stored, with the commit of what has made it.
"""

import hashlib
import secrets
from typing import Final

import msgspec

from stretto.definitions.errors import StrettoError

ANSWER_PATH: Final = "/answer"
"""The page that personal links lead to, with the inquiry's id below it and the code behind `#`."""
LINK_VIA: Final = "link"
"""How the answers of personal links come, for the run and the audit."""
MAX_PERSON_CHARACTERS: Final = 200
"""The characters of the name of a link's person."""
_CODE_BYTES: Final = 32


class InvalidLink(StrettoError):
    """A code is not that of a personal link that can be used. The error is the same whatever is wrong with it."""

    code = "invalid_link"

    def __init__(self) -> None:
        super().__init__(
            "this link cannot be used: it is incomplete, has expired, or its question waits for no answer any more"
        )

    def __reduce__(self) -> tuple[type["InvalidLink"], tuple[()]]:
        return type(self), ()


class InquiryLink(msgspec.Struct, frozen=True, kw_only=True):
    """A personal link."""

    digest: str
    """The SHA-256 of its code, in hexadecimal digits."""
    inquiry: str
    person: str
    """The name of the one who answers with it."""
    role: str
    """The role of that person."""
    made_at: float
    expires_at: float


def new_link_code() -> str:
    """Return the code of a new link: 256 random bits as text."""
    return secrets.token_urlsafe(_CODE_BYTES)


def digest_of_link(code: str) -> str:
    """Return the digest that is stored of a code."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def path_of_link(inquiry: str, code: str) -> str:
    """Return the path of a link. Browsers send nothing of what is behind `#`, so that no log has the code."""
    return f"{ANSWER_PATH}/{inquiry}#{code}"
