"""Clients and the certificates of daemons: which authorities are trusted, and the error if one is not."""

import os
import ssl
from functools import lru_cache
from typing import Final

from stretto.actors.gateway.wire import DaemonUnreachable, NobodyThere

_UNKNOWN_AUTHORITY: Final = frozenset({18, 19, 20, 21})
"""OpenSSL's codes of certificates whose authority is not known."""
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
"""OpenSSL's names for a first answer that is not TLS."""


class UntrustedDaemon(DaemonUnreachable):
    """A daemon's certificate cannot be verified. Nothing has been asked, and another attempt would not help."""


def client_context() -> ssl.SSLContext:
    """Return the context of connections to daemons. It trusts the system's authorities, or those of SSL_CERT_FILE."""
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _context(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    # Loading the authorities takes tens of milliseconds, and each request has a connection of its own.
    return ssl.create_default_context()


def unconnected_error(url: str, error: OSError) -> DaemonUnreachable:
    """Return the error of a connection that cannot be made.

    Args:
        url: The daemon's URL.
        error: Why.
    """
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return NobodyThere(f"the daemon at {url} does not speak TLS: use http:// in its URL")
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = error.strerror or str(error) or "it takes too long"
        return NobodyThere(f"cannot reach the daemon at {url}: {reason}")
    hint = ""
    if error.verify_code in _UNKNOWN_AUTHORITY:
        hint = "; set SSL_CERT_FILE to the file with its authority's certificate"
    return UntrustedDaemon(f"cannot verify the certificate of the daemon at {url}: {error.verify_message}{hint}")
