"""Entity tags (RFC 9110): an answer that a client has already is not sent again."""

from collections.abc import Iterable
from hashlib import blake2b
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_TAG_BYTES: Final = 12
_ANY: Final = "*"
_WEAK: Final = "W/"


def tag_of(body: bytes) -> str:
    """Return the entity tag of a body: another body has another one."""
    return f'"{blake2b(body, digest_size=_TAG_BYTES).hexdigest()}"'


def is_known(request: Request, tag: str) -> bool:
    """Return whether the client has what an entity tag is of: its `If-None-Match` has the tag, or is `*`."""
    return any(each in {_ANY, tag} for each in _known_tags(request.headers.getlist("if-none-match")))


def _known_tags(lines: Iterable[str]) -> Iterable[str]:
    # Split at each comma: the daemon's own tags have none, and no piece of another tag equals one of them.
    return (each.strip().removeprefix(_WEAK) for line in lines for each in line.split(","))


def tagged(request: Request, response: Response, tag: str) -> Response:
    """Return a response with its entity tag, or one without a body (304) to a client that has it.

    Args:
        request: The request.
        response: The response.
        tag: The tag of its body.
    """
    if is_known(request, tag):
        return not_modified(tag)
    return _with_tag(response, tag)


def not_modified(tag: str) -> Response:
    """Return the answer to a client that has what an entity tag is of."""
    return _with_tag(Response(status_code=HTTPStatus.NOT_MODIFIED), tag)


def _with_tag(response: Response, tag: str) -> Response:
    response.headers["etag"] = tag
    response.headers["cache-control"] = "no-cache"  # it may be kept, and is asked for again before its use
    return response
