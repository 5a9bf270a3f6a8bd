"""The requests about who sends a request: sessions of browsers, and the codes that begin them."""

from typing import Annotated

import msgspec

from stretto.actors.operations.base import Request

Secret = Annotated[str, msgspec.Meta(min_length=1)]
"""A code or a token."""


class LogIn(Request, frozen=True, tag="log_in"):
    """Begin a session of a browser, with a code that was made for it or with a token. The cookie has the session."""

    code: Secret | None = None
    token: Secret | None = None

    def __post_init__(self) -> None:
        """Check the fields together. Raises `ValueError`, which refuses a request with them."""
        if (self.code is None) == (self.token is None):
            raise ValueError("either `code` or `token` is needed")


class LogOut(Request, frozen=True, tag="log_out"):
    """End the session of the cookie. A token stays valid."""


class Me(Request, frozen=True, tag="me"):
    """Return who sends the request, and what it may do."""


class CreateEnterCode(Request, frozen=True, tag="create_enter_code"):
    """Make a code that begins one session within a minute, with the rights of who makes it.

    The URL opens the page that takes the code, and then the page of `run`.
    """

    run: str | None = None
