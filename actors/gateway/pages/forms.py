"""The bodies that forms of pages send: a few short fields."""

from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from stretto.actors.gateway.http.bodies import Most, RequestMemory
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.operations import Request as Operation

MAX_FORM_BYTES: Final = 16 * 1024
"""The bound on what a form sends."""
MAX_FIELDS: Final = 20
"""The bound on its fields."""
_TYPE: Final = "application/x-www-form-urlencoded"
R = TypeVar("R", bound=Operation)
_FORM: Final = Most(MAX_FORM_BYTES, "MAX_FORM_BYTES")


async def fields_of(request: Request, memory: RequestMemory) -> dict[str, str]:
    """Return the fields of a form. Of several with the same name, it is the last one.

    Args:
        request: The request.
        memory: Receives the body.

    Raises:
        Problem: The body is too large, too slow, or not that of a form.
    """
    body = await memory.body_of(request, _FORM, _TYPE)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError:
        raise Problem("bad_request", f"a form must have at most {MAX_FIELDS} fields (MAX_FIELDS) in UTF-8") from None


def request_from(kind: type[R], **values: object) -> R:
    """Return a request with the texts of a form as its fields, each converted to the type of its field.

    Args:
        kind: The request.
        values: The fields. An empty note is left out.

    Raises:
        Problem: A text does not fit its field.
    """
    if not values.get("note"):
        values.pop("note", None)
    try:
        return msgspec.convert({"type": kind.__struct_config__.tag, **values}, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("bad_request", f"the form cannot be used: {error}") from None
