"""The certificate of the port, which can be replaced while the daemon serves."""

import os
import ssl
import stat
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from stretto.actors.gateway.socket_file import CannotServe
from stretto.actors.text_files import read_bytes
from stretto.metrics import get_logger

CERT: Final = "serve.tls_cert"
KEY: Final = "serve.tls_key"
MAX_PEM_BYTES: Final = 1024 * 1024
"""Bytes of a file with a certificate or a key. A chain of three has about 6 KiB."""
_OPEN_TO_OTHERS: Final = stat.S_IRWXO | stat.S_IWGRP
"""The rights that a key's file must not give. Its group may read it, as distributions do for shared keys."""

_log = get_logger("stretto.gateway")


class Certificate:
    """A certificate with its key, as the handshakes of new connections use it.

    Args:
        cert: The file with the certificate, and those between it and its authority, in PEM form.
        key: The file with its key, in PEM form.

    Attributes:
        context: The context of the next handshake.

    Raises:
        CannotServe: They cannot be used.
    """

    def __init__(self, cert: str, key: str) -> None:
        self._files = cert, key
        self._use()

    def reload(self) -> None:
        """Read both files again, for new connections. If they cannot be used, the ones in use stay, with a log line."""
        try:
            self._use()
        except CannotServe as error:
            _log.error("certificate_kept", reason=str(error))

    def _use(self) -> None:
        self.context, expires = _load(*self._files)
        note = _log.warning if expires <= datetime.now(UTC) else _log.info
        note("certificate_loaded", file=self._files[0], expires=expires.isoformat())


def _load(cert: str, key: str) -> tuple[ssl.SSLContext, datetime]:
    try:
        leaf = x509.load_pem_x509_certificates(_read(CERT, cert))[0]
    except ValueError:
        raise CannotServe(f"{CERT} must be a file with a certificate in PEM form, got {cert}") from None
    if leaf.public_key() != _private_key(key).public_key():
        raise CannotServe(f"the key in {key} ({KEY}) does not belong to the certificate in {cert} ({CERT})")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password, OpenSSL would ask the terminal for one.
        context.load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        raise CannotServe(f"cannot use the certificate in {cert} ({CERT}) with its key: {error}") from None
    return context, leaf.not_valid_after_utc


def _private_key(key: str) -> Any:
    try:
        return load_pem_private_key(_read(KEY, key, _check_rights), None)
    except TypeError:
        raise CannotServe(
            f"the key in {key} ({KEY}) is encrypted, and the daemon cannot ask for its passphrase: "
            f"decrypt it with `openssl pkey -in {key}`"
        ) from None
    except ValueError:
        raise CannotServe(f"{KEY} must be a file with a private key in PEM form, got {key}") from None


def _read(setting: str, path: str, check: Any = lambda _path, _found: None) -> bytes:
    def check_file(found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise CannotServe(f"{setting} must be a regular file, which is read again on SIGHUP, got {path}")
        if found.st_size > MAX_PEM_BYTES:
            raise CannotServe(
                f"{setting} must have at most {MAX_PEM_BYTES:,} bytes (MAX_PEM_BYTES), got {found.st_size:,} in {path}"
            )
        check(path, found)

    try:
        return read_bytes(path, check_file)
    except OSError as error:
        raise CannotServe(f"cannot read {path} ({setting}): {error.strerror}") from None


def _check_rights(path: str, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OPEN_TO_OTHERS:
        raise CannotServe(
            f"other users can access the key in {path} ({KEY}, mode {mode:04o}): run `chmod 600 {path}`, and use a new "
            "key if they may have read it"
        )
