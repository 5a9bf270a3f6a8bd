"""The proofs of webhooks: that the sender of a request knows the hook's secret."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from stretto.definitions.errors import StrettoError
from stretto.definitions.rules import HookStyle

TOLERANCE_SECONDS: Final = 300.0
"""How far the signed time of a request of Stripe's may be from the present."""
MAX_SIGNATURES: Final = 10
"""Signatures of one request that are compared: a sender has several while its secret changes."""


class UnknownHook(StrettoError):
    """There is no such webhook."""

    code = "unknown_hook"


class NoHookSecret(StrettoError):
    """A webhook takes no requests: it has no secret, or its secret cannot be read."""

    code = "no_hook_secret"


class HookRefused(StrettoError):
    """A request does not prove that its sender knows the secret of the webhook."""

    code = "hook_refused"


def check_proof(style: HookStyle, secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Check that the sender of a request knows a secret.

    Args:
        style: How the sender proves it.
        secret: The secret.
        headers: The headers, with names in lower case.
        body: The body.
        now: The time in seconds since the epoch.

    Raises:
        HookRefused: The proof is missing or wrong. The message says what was expected, and nothing of the secret.
    """
    if style == "github":
        _check_github(secret, headers, body)
    elif style == "stripe":
        _check_stripe(secret, headers, body, now)
    else:
        _check_bearer(secret, headers)


def _check_bearer(secret: bytes, headers: Mapping[str, str]) -> None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise HookRefused("the request must have the header Authorization: Bearer SECRET")
    if not hmac.compare_digest(_sent_bytes(token.strip()), secret):
        raise HookRefused("the secret of the request is not that of the hook")


def _check_github(secret: bytes, headers: Mapping[str, str], body: bytes) -> None:
    algorithm, _, signature = headers.get("x-hub-signature-256", "").partition("=")
    if algorithm != "sha256" or not signature:
        raise HookRefused("the request must have the header X-Hub-Signature-256: sha256=DIGEST")
    if not hmac.compare_digest(signature.strip().lower().encode(), _digest(secret, body)):
        raise HookRefused("X-Hub-Signature-256 is not the signature of this body with the secret of the hook")


def _check_stripe(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> None:
    parts = [part.partition("=") for part in headers.get("stripe-signature", "").split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    signatures = [value for name, _, value in parts if name.strip() == "v1"][:MAX_SIGNATURES]
    if len(times) != 1 or not times[0].isdecimal() or not times[0].isascii() or not signatures:
        raise HookRefused("the request must have the header Stripe-Signature: t=TIME,v1=DIGEST")
    expected = _digest(secret, times[0].encode() + b"." + body)
    if not any(hmac.compare_digest(each.strip().lower().encode(), expected) for each in signatures):
        raise HookRefused("Stripe-Signature is not the signature of this body with the secret of the hook")
    if abs(now - float(times[0][:18])) > TOLERANCE_SECONDS:
        raise HookRefused(
            f"the signed time of the request must be within {TOLERANCE_SECONDS:g} s of the present (TOLERANCE_SECONDS)"
        )


def _sent_bytes(text: str) -> bytes:
    """Return the bytes that a header had. Headers are read as Latin-1, and senders write secrets in UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # it was not read from a request
        return text.encode()


def _digest(secret: bytes, body: bytes) -> bytes:
    return hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
