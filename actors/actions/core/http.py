"""The action core.http: its name and its inputs. The first request imports its code, `http_request`.

aiohttp takes longer to import than `stretto validate` takes to read a definition, and validation needs only the inputs.
"""

from collections.abc import Mapping
from typing import Any

from stretto.actors.actions.registry import action


@action("core.http")
async def http(  # noqa: PLR0913 - these are the action's inputs
    *,
    url: str,
    method: str = "GET",
    headers: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    body: str | None = None,
    timeout: float = 30.0,  # noqa: ASYNC109 - it is an input, named in the design
    verify: bool = True,
    allow_redirects: bool = True,
    expected_status: int | list[int] | None = None,
) -> dict[str, Any]:
    """Make an HTTP request and return status_code, headers, body, json and elapsed.

    A status of 400 or more is a failure. Its result has the same fields. Without a complete response, status_code is 0.

    Args:
        url: an http or https URL; user and password in it are sent as basic authentication
        method: GET, POST ...
        headers: request headers by name
        params: query parameters, added to those of the URL; a list repeats its parameter, null omits it
        json: a value to send as JSON (instead of body)
        body: text to send as UTF-8 (instead of json)
        timeout: seconds for the whole request, redirects included
        verify: whether to verify the server's certificate
        allow_redirects: whether to follow redirects, 5 at most
        expected_status: a status or a list of statuses that mean success; any other status fails
    """
    from stretto.actors.actions.core.http_request import request  # noqa: PLC0415 - see the module's docstring

    return await request(
        url=url,
        method=method,
        headers=headers,
        params=params,
        json=json,
        body=body,
        timeout=timeout,
        verify=verify,
        allow_redirects=allow_redirects,
        expected_status=expected_status,
    )
