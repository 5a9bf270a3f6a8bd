"""The reasons why a request of core.http has no complete response, in words."""

import os
import ssl
from typing import Final

from aiohttp import ClientError, ClientPayloadError, ServerDisconnectedError
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import LineTooLong

from stretto.actors.actions.core.addresses import AddressPolicy

MAX_HEAD_BYTES: Final = 100 * 1024
"""The status line and the headers of a response."""
TOO_LONG_HEAD: Final = f"headers of more than {MAX_HEAD_BYTES} bytes, the maximum of core.http"


class NoResponse(Exception):
    """A request has no complete response. The message says why."""


class AddressDenied(NoResponse):
    """Every address of the host is denied."""

    def __init__(self, policy: AddressPolicy, address: str) -> None:
        denied = policy.denied(address)
        message = f"{denied} is denied by http.deny; to connect, add it to http.allow"
        super().__init__(message if str(denied) == address else f"{message} ({address} reaches it)")


class BadBody(Exception):
    """The response is too large, or its body does not match its headers."""


FAULTS = (NoResponse, OSError, UnicodeError, ClientError, HttpProcessingError)
"""The exceptions of a request without a complete response, besides `BadBody`."""


def cause_of(error: BaseException) -> str:
    """Return the reason that an exception of `FAULTS` stands for. It quotes nothing that was sent or received."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, ServerDisconnectedError):
        return "Server disconnected without sending a response."
    if isinstance(error, ClientPayloadError):
        return _cause_of_bad_payload(error)
    if isinstance(error, HttpProcessingError):
        return f"the response is not valid HTTP: {_cause_of_bad_head(error)}"
    if isinstance(error, OSError) and error.errno is not None:
        # Errors of look-ups have negative numbers and their own texts.
        return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
    return str(error) or type(error).__name__


def _cause_of_bad_payload(error: ClientPayloadError) -> str:
    if isinstance(error.__cause__, HttpProcessingError):
        reason = error.__cause__.message.rstrip(".")
        return f"peer closed connection without sending complete message body ({reason})"
    return str(error)


def _cause_of_bad_head(error: HttpProcessingError) -> str:
    if isinstance(error.__cause__, LineTooLong):
        return TOO_LONG_HEAD
    # After a colon, the parser's messages quote the response.
    return error.message.partition(":")[0]
