"""How errors end a command."""

import pytest

from stretto.actors.cli.support.error_exits import exiting_on_errors
from stretto.actors.gateway.http.problems import STATUSES
from stretto.actors.gateway.wire import BadUrl, DaemonUnreachable, RequestRefused
from stretto.actors.journal.queries import InvalidCursor
from stretto.actors.journal.store import CannotOpenStore, StoreInUse, StoreLost, StoreUnavailable
from stretto.actors.operations.answers import Refused
from stretto.actors.outcome import RunWasParked, UnknownRun
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import Finding, InvalidDefinition, Place


def test_what_a_client_may_try_again_later_is_the_daemons_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    """Every refusal with the status 429 or 503 ends a command with 3, as a daemon that is not there does."""
    for refused in (code for code, status in STATUSES.items() if status in {429, 503}):
        with pytest.raises(SystemExit) as raised, exiting_on_errors():
            raise RequestRefused(Refused(refused, "x"))
        assert raised.value.code == 3, refused
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DaemonUnreachable("x"), 3),
        (CannotOpenStore("x"), 3),
        (StoreUnavailable("x"), 3),
        (StoreLost("x"), 3),
        (RunWasParked("x"), 3),
        (BadUrl("x"), 2),
        (UnknownRun("x"), 2),
        (IllegalTransition("x"), 2),
        (InvalidCursor("x"), 2),
        (RequestRefused(Refused("unknown_run", "x")), 2),
        (RequestRefused(Refused("no_store", "x")), 2),
        (RequestRefused(Refused("engine_stopped", "x")), 3),
        (RequestRefused(Refused("store_unavailable", "x")), 3),
        (RequestRefused(Refused("busy", "x")), 3),
        (RequestRefused(Refused("invalid_definition", "x", ["a finding"])), 1),
        (InvalidDefinition([Finding("c", "x", Place("f", 1, 1))]), 1),
    ],
)
def test_the_exit_code_says_whose_trouble_it_is(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """1: the definition's; 2: the request's; 3: the daemon's or the store's. A line says so, after any findings."""
    with pytest.raises(SystemExit) as raised, exiting_on_errors():
        raise error
    assert raised.value.code == code
    assert "\nstretto: " in f"\n{capsys.readouterr().err}"


def test_every_finding_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Each on a line of its own."""
    with pytest.raises(SystemExit), exiting_on_errors():
        raise RequestRefused(Refused("invalid_definition", "it is wrong", ["one", "two"]))
    assert capsys.readouterr().err == "stretto: it is wrong\n  one\n  two\n"


def test_a_store_in_use_leads_to_its_daemon(capsys: pytest.CaptureFixture[str]) -> None:
    """The option is named."""
    with pytest.raises(SystemExit) as raised, exiting_on_errors():
        raise StoreInUse("the store is in use")
    assert raised.value.code == 3
    assert "use --daemon URL instead of --store" in capsys.readouterr().err
    with pytest.raises(SystemExit), exiting_on_errors(instead=""):
        raise StoreInUse("the store is in use")
    assert capsys.readouterr().err == "stretto: the store is in use\n"


def test_a_mistake_of_ours_is_not_hidden() -> None:
    """What Stretto does not raise on purpose goes on its way."""
    with pytest.raises(ZeroDivisionError), exiting_on_errors():
        raise ZeroDivisionError
