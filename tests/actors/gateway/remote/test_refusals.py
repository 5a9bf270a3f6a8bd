"""A code is an exception's class, on both ends."""

import pkgutil

import pykka
import pytest

from stretto.actors.gateway.http.problems import STATUSES
from stretto.actors.gateway.remote.refusals import CLASSES, error_of
from stretto.actors.gateway.wire import RequestRefused
from stretto.actors.operations import Refused
from stretto.definitions import ExpressionError, Place

MADE_OF_MORE = {
    "ambiguous_run",
    "engine_stopped",
    "invalid_definition",
    "invalid_input",
    "invalid_answer",
    "expression_error",
}
"""The codes whose exceptions have more than a message."""
OF_THE_DAEMON = {
    "hook_refused", "invalid_link", "no_hook_secret", "unknown_hook",
    "busy", "cannot_use_tokens_file", "engine_starting", "forbidden", "invalid_token", "no_tokens_file",
    "token_exists", "unknown_token", "headers_too_large",
    "internal_error", "method_not_allowed", "misdirected_request", "stream_interrupted",
    "too_many_streams", "too_many_logins", "too_many_requests",
    "cross_site_request", "foreign_origin", "invalid_csrf_token",
    "not_allowed", "not_found", "request_timeout", "run_not_ended", "unauthenticated", "unsupported_media_type",
}  # fmt: skip
"""The codes that no method of the engine raises."""


def test_every_code_has_its_class() -> None:
    """A new code must be put into one of the tables."""
    assert CLASSES.keys() | MADE_OF_MORE | OF_THE_DAEMON == STATUSES.keys()
    assert not CLASSES.keys() & (MADE_OF_MORE | OF_THE_DAEMON)


@pytest.mark.parametrize("code", CLASSES)
def test_a_class_has_its_code_and_the_message(code: str) -> None:
    error = error_of(RequestRefused(Refused(code, "what is wrong")))
    assert (type(error), str(error)) == (pkgutil.resolve_name(CLASSES[code]), "what is wrong")
    assert getattr(error, "code", None) == code


def test_an_expression_that_failed() -> None:
    """It is made again from its members."""
    details = {
        "code": "expression_error", "expression": "{{ x }}", "reason": "x is not known", "hint": "did you mean 'y'?",
        "where": {"file": "f", "line": 1, "column": 2, "path": "tasks[0]"},
    }  # fmt: skip
    original = ExpressionError("{{ x }}", Place("f", 1, 2, "tasks[0]"), "x is not known", "did you mean 'y'?")
    error = error_of(RequestRefused(Refused("expression_error", str(original)), details=details))
    assert (type(error), str(error), vars(error)) == (ExpressionError, str(original), vars(original))


def test_what_the_daemon_itself_refuses() -> None:
    """A code of a newer daemon is no reason to hide its message; a stopped engine is as a stopped actor."""
    refused = RequestRefused(Refused("of_a_newer_daemon", "no"))
    assert error_of(refused) is refused
    assert refused.code == "of_a_newer_daemon"
    assert isinstance(error_of(RequestRefused(Refused("engine_stopped", "stopping"))), pykka.ActorDeadError)
