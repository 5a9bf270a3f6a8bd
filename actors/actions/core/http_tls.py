"""The TLS of core.http: trusted certificates are those of SSL_CERT_FILE or SSL_CERT_DIR, or Mozilla's (certifi)."""

import os
import ssl

import certifi

from stretto.actors.actions.core.http_errors import NoResponse


def tls_context(*, verify: bool) -> ssl.SSLContext:
    """Return the context of connections that verify the server's certificate, or of those that do not.

    Raises:
        NoResponse: The file or folder of trusted certificates cannot be read.
    """
    context = _verifying() if verify else _trusting()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _verifying() -> ssl.SSLContext:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not file and not folder:
        return ssl.create_default_context(cafile=certifi.where())
    variable, path = ("SSL_CERT_FILE", file) if file else ("SSL_CERT_DIR", folder)
    try:
        return ssl.create_default_context(cafile=file or None, capath=None if file else folder)
    except OSError as error:
        reason = "it has no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise NoResponse(f"the trusted certificates of {variable} ({path}) cannot be read: {reason}") from error


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
