"""The cookie that has the secret of a browser's session."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import LONGEST_SECONDS

_PREFIX: Final = "stretto"


class SessionCookie:
    """The cookie of one daemon, or of several behind a proxy.

    A browser sends cookies to all ports of a host, so its name has the port.

    Args:
        port: The port that browsers call.
    """

    def __init__(self, port: int) -> None:
        self.name = f"{_PREFIX}-{port}"

    def secret_in(self, request: Request) -> str | None:
        """Return the secret of a request's session, or None if it has none."""
        return request.cookies.get(self.name) or None

    def add(self, response: Response, secret: str, *, secure: bool) -> None:
        """Give a browser a session, of which no script and no other site gets hold."""
        response.set_cookie(
            self.name, secret, max_age=int(LONGEST_SECONDS), path="/", secure=secure, httponly=True, samesite="strict"
        )

    def clear(self, response: Response, *, secure: bool) -> None:
        """Take a session away from a browser."""
        response.delete_cookie(self.name, path="/", secure=secure, httponly=True, samesite="strict")
