"""Refusals have stable codes and say what is needed."""

import copy

import pytest

from stretto.actors.access.errors import Forbidden, Reason, Unauthenticated


@pytest.mark.parametrize("reason", ["missing", "malformed", "unknown", "expired", "revoked"])
def test_each_reason_has_its_words(reason: Reason) -> None:
    """The code is the same for all."""
    error = Unauthenticated(reason)
    assert (error.code, error.reason) == ("unauthenticated", reason)
    assert str(error)
    assert copy.copy(error).reason == reason


def test_a_forbidden_caller_learns_both_roles() -> None:
    """The needed one and its own."""
    error = Forbidden("admin", "viewer")
    assert (error.code, error.needed, error.role, error.restricted) == ("forbidden", "admin", "viewer", False)
    assert str(error) == "this needs the role admin, and the caller has viewer"
    assert copy.copy(error).needed == "admin"


def test_a_restricted_caller_learns_its_restriction() -> None:
    """Its role would do."""
    error = Forbidden("admin", "admin", ("ops.a", "ops.b"))
    assert error.restricted
    assert str(error) == "this needs a token for all workflows, and the caller's is for ops.a, ops.b"
    assert str(copy.copy(error)) == str(error)
