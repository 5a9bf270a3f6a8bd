"""The header Link of a list, which has the place of its next page (RFC 8288)."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from stretto.actors.gateway.http.origins import Origins
from stretto.actors.operations import History, Request

_CURSORS: Final = {"cursor", "after"}
"""The parameters that continue a list."""


class Listed(Response):
    """An answer that may be a page of a list.

    Args:
        answer: The answer.
        given: The arguments of `Response`.
    """

    def __init__(self, answer: msgspec.Struct, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._next: str | int | None = getattr(answer, "next", None)

    def lead_on(self, request: Request, http: HttpRequest, query: Sequence[tuple[str, str]], origins: Origins) -> None:
        """Add the header if there is a next page: the request once more, with the cursor of that page.

        Args:
            request: The request.
            http: The request as it came.
            query: Its parameters.
            origins: The daemon's own origins.
        """
        if self._next is None:
            return
        cursor = "after" if isinstance(request, History) else "cursor"
        others = [(name, value) for name, value in query if name not in _CURSORS]
        path = http.scope["raw_path"].decode("ascii")
        self.headers["link"] = f'<{origins.link(f"{path}?{urlencode([*others, (cursor, self._next)])}")}>; rel="next"'
