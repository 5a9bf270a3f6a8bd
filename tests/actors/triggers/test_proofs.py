"""A request of a webhook proves that its sender knows the secret, or is refused."""

import hashlib
import hmac

import pytest

from stretto.actors.triggers.proofs import TOLERANCE_SECONDS, HookRefused, check_proof
from stretto.definitions.rules import HookStyle

SECRET = b"It's a Secret to Everybody"
BODY = b"Hello, World!"
GITHUB = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
"""From GitHub's documentation: the signature of BODY with SECRET."""


def stripe(at: float, body: bytes = BODY, secret: bytes = SECRET) -> str:
    digest = hmac.new(secret, f"{at:.0f}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at:.0f},v1={digest},v0=ignored"


def test_the_signature_of_githubs_documentation_is_accepted() -> None:
    """Also in capital letters."""
    check_proof("github", SECRET, {"x-hub-signature-256": GITHUB}, BODY, 0.0)
    check_proof("github", SECRET, {"x-hub-signature-256": GITHUB.upper().replace("SHA256", "sha256")}, BODY, 0.0)


def test_stripes_signature_is_accepted_within_five_minutes() -> None:
    """Also one of several, while the secret changes."""
    check_proof("stripe", SECRET, {"stripe-signature": stripe(1000.0)}, BODY, 1000.0 + TOLERANCE_SECONDS)
    several = stripe(1000.0, secret=b"old") + "," + stripe(1000.0).partition(",")[2]
    check_proof("stripe", SECRET, {"stripe-signature": several}, BODY, 1000.0)
    with pytest.raises(HookRefused, match="within 300 s"):
        check_proof("stripe", SECRET, {"stripe-signature": stripe(1000.0)}, BODY, 1001.0 + TOLERANCE_SECONDS)


@pytest.mark.parametrize(
    ("style", "headers"),
    [
        ("bearer", {}),
        ("bearer", {"authorization": "Basic abc"}),
        ("bearer", {"authorization": "Bearer "}),
        ("alertmanager", {"authorization": "Bearer wrong"}),
        ("bearer", {"authorization": "Bearer wr\xf6ng"}),
        ("github", {}),
        ("github", {"x-hub-signature-256": "sha1=" + "0" * 40}),
        ("github", {"x-hub-signature-256": "sha256=" + "0" * 64}),
        ("github", {"x-hub-signature-256": "sha256=\xf6"}),
        ("stripe", {}),
        ("stripe", {"stripe-signature": "v1=abc"}),
        ("stripe", {"stripe-signature": "t=x,v1=abc"}),
        ("stripe", {"stripe-signature": "t=1000,v1=" + "0" * 64}),
        ("stripe", {"stripe-signature": "t=" + "9" * 400 + ",v1=" + "0" * 64}),
    ],
)
def test_a_missing_or_wrong_proof_is_refused(style: HookStyle, headers: dict[str, str]) -> None:
    """The message has nothing of the secret."""
    with pytest.raises(HookRefused) as refused:
        check_proof(style, SECRET, headers, BODY, 1000.0)
    assert SECRET.decode() not in str(refused.value)


def test_a_bearer_is_accepted() -> None:
    """The scheme in any case."""
    for scheme in ("Bearer", "bearer"):
        check_proof("bearer", SECRET, {"authorization": f"{scheme} {SECRET.decode()}"}, BODY, 0.0)


def test_a_bearer_with_letters_beyond_ascii_is_accepted() -> None:
    """A header is read as Latin-1, whatever its sender has written: the bytes count."""
    secret = "gehéim-ключ".encode()
    check_proof("bearer", secret, {"authorization": f"Bearer {secret.decode('latin-1')}"}, BODY, 0.0)
    check_proof("bearer", secret, {"authorization": f"Bearer {secret.decode()}"}, BODY, 0.0)
    with pytest.raises(HookRefused):
        check_proof("bearer", secret, {"authorization": "Bearer gehéim-"}, BODY, 0.0)
