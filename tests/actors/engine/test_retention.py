"""How long ended runs are kept."""

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.engine.retention import FOR_EVER, SECONDS_A_DAY, Retention
from stretto.actors.journal.store import Prune


@given(st.none() | st.floats(0, 1e6), st.none() | st.integers(0, 10**9), st.floats(0, 1e11))
def test_a_retention_tells_what_to_delete_at_a_time(days: float | None, runs: int | None, now: float) -> None:
    """So many days before it, and beyond so many runs; what is not given does not count."""
    prune = Retention(days, runs).at(now)
    if days is None and runs is None:
        assert prune is None
    else:
        assert prune == Prune(None if days is None else now - days * SECONDS_A_DAY, runs)
    assert FOR_EVER.at(now) is None
