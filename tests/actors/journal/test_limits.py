"""How the permits of a key are dealt to engines."""

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.journal.limits import KeyClaim, deal, fair_share

COUNTS = st.integers(0, 5)


def claim(engine: int, held: int, wanted: int, since: float = 0.0) -> KeyClaim:
    return KeyClaim(engine, held, wanted, since)


def test_a_lone_engine_gets_what_it_wants_up_to_the_limit() -> None:
    assert deal(20, [claim(1, 3, 5)], 1) == 5
    assert deal(20, [claim(1, 3, 50)], 1) == 17


def test_who_has_waited_longest_gets_the_only_permit() -> None:
    """So engines take turns if there are more of them than permits."""
    claims = [claim(1, 0, 1, since=8.0), claim(2, 0, 1, since=5.0)]
    assert [deal(1, claims, engine) for engine in (1, 2)] == [0, 1]


def test_free_permits_go_to_those_below_their_fair_share_first() -> None:
    claims = [claim(1, 6, 10, since=1.0), claim(2, 0, 10, since=2.0)]
    assert fair_share(10, claims) == 5
    assert [deal(10, claims, engine) for engine in (1, 2)] == [0, 4]


def test_what_others_do_not_want_is_dealt_to_who_wants_it() -> None:
    claims = [claim(1, 5, 10), claim(2, 1, 1)]
    assert [deal(10, claims, engine) for engine in (1, 2)] == [3, 1]


def test_an_engine_without_a_claim_gets_nothing() -> None:
    assert deal(10, [claim(1, 0, 1)], 2) == 0


@given(st.integers(1, 8), st.lists(st.tuples(COUNTS, COUNTS, COUNTS), min_size=1, max_size=4))
def test_all_engines_together_never_get_more_than_is_free(limit: int, rows: list[tuple[int, int, int]]) -> None:
    """And nothing stays free that one of them wants."""
    claims = [claim(engine, *row) for engine, row in enumerate(rows)]
    free = max(limit - sum(each.held for each in claims), 0)
    dealt = sum(deal(limit, claims, each.engine) for each in claims)
    assert dealt == min(free, sum(each.wanted for each in claims))
