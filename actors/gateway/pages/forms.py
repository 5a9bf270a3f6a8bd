"""The bodies that forms of pages send: a few short fields."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from stretto.actors.gateway.http.bodies import Most, RequestMemory
from stretto.actors.gateway.http.problems import Problem

MAX_FORM_BYTES: Final = 16 * 1024
"""The bound on what a form sends."""
MAX_FIELDS: Final = 20
"""The bound on its fields."""
_TYPE: Final = "application/x-www-form-urlencoded"
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
