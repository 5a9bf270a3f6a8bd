"""The errors of requests to quarantined runs say what to do."""

from stretto.actors.history.quarantine import not_quarantined_error, quarantined_error
from stretto.actors.journal.store import Quarantine

POISON = Quarantine("r1", 1000.0, "quarantined: it crashed twice; `stretto runs recover r1` tries again")


def test_the_error_has_the_reason() -> None:
    """It is that of the run itself, or of the run above it."""
    assert str(quarantined_error("pause", "r1", POISON)) == f"cannot pause the run r1: it is {POISON.reason}"
    expected = f"cannot pause the run r2: it waits for the run r1 above it, which is {POISON.reason}"
    assert str(quarantined_error("pause", "r2", POISON)) == expected


def test_only_a_quarantined_run_is_recovered_on_request() -> None:
    """Any other run recovers without one."""
    assert str(not_quarantined_error("r1", None)) == "cannot recover the run r1: it is not quarantined"
    expected = f"cannot recover the run r2: it waits for the run r1 above it, which is {POISON.reason}"
    assert str(not_quarantined_error("r2", POISON)) == expected
