"""The error for data that are no request of the API."""

from stretto.definitions.errors import StrettoError


class BadRequest(StrettoError):
    """The data of a client are not a request of this API."""

    code = "bad_request"
