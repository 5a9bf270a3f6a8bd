"""The bodies that forms of pages send: a few short fields."""

import asyncio
from typing import Final, NamedTuple, TypeVar
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
_APART: Final = 64 * 1024
"""A larger form is read in a thread: it takes longer than a turn of the loop should."""
R = TypeVar("R", bound=Operation)


class FormBounds(NamedTuple):
    """The bounds on a form: its bytes, its fields, and their names."""

    bytes: Most
    fields: int
    fields_name: str


SMALL_FORM: Final = FormBounds(Most(MAX_FORM_BYTES, "MAX_FORM_BYTES"), MAX_FIELDS, "MAX_FIELDS")
"""The bounds on a form of a few short fields."""


async def fields_of(request: Request, memory: RequestMemory, bounds: FormBounds = SMALL_FORM) -> dict[str, str]:
    """Return the fields of a form. Of several with the same name, it is the last one.

    Args:
        request: The request.
        memory: Receives the body.
        bounds: The bounds on the form.

    Raises:
        Problem: The body is too large, too slow, or not that of a form.
    """
    body = await memory.body_of(request, bounds.bytes, _TYPE)
    try:
        if len(body) > _APART:
            return await asyncio.to_thread(_fields_in, body, bounds.fields)
        return _fields_in(body, bounds.fields)
    except ValueError:
        detail = f"a form must have at most {bounds.fields:,} fields ({bounds.fields_name}) in UTF-8"
        raise Problem("bad_request", detail) from None


def _fields_in(body: bytes, most: int) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=most))


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
