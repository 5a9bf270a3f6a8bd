"""The engine-wide bound on items in flight."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.actors.runs.permits import Grant, PermitLedger, PermitPool, Reclaim


def request(ledger: PermitLedger, run_id: str, count: int) -> list[Grant | Reclaim]:
    """Note it, and share out at once."""
    ledger.request(run_id, count)
    return ledger.share_out()


def release(ledger: PermitLedger, run_id: str, count: int) -> list[Grant | Reclaim]:
    """Note it, and share out at once."""
    ledger.release(run_id, count)
    return ledger.share_out()


def forget(ledger: PermitLedger, run_id: str) -> list[Grant | Reclaim]:
    """Note it, and share out at once."""
    ledger.forget(run_id)
    return ledger.share_out()


def apply(changes: list[Grant | Reclaim], held: dict[str, int], owed: dict[str, int]) -> None:
    for change in changes:
        table = held if isinstance(change, Grant) else owed
        table[change.run_id] = table.get(change.run_id, 0) + change.count


def test_a_request_within_the_bound_is_granted_at_once() -> None:
    """Free permits go to any run that asks."""
    ledger = PermitLedger(10)
    assert request(ledger, "a", 4) == [Grant("a", 4)]
    assert ledger.free == 6


def test_a_request_beyond_the_bound_is_granted_as_far_as_it_goes() -> None:
    """Missing permits stay wanted, and come when others are released."""
    ledger = PermitLedger(3)
    assert request(ledger, "a", 5) == [Grant("a", 3)]
    assert release(ledger, "a", 1) == [Grant("a", 1)]


def test_a_newcomer_makes_the_holder_give_back_its_fair_share() -> None:
    """A run that holds everything is asked for half when a second one comes."""
    ledger = PermitLedger(10)
    request(ledger, "a", 100)
    assert request(ledger, "b", 100) == [Reclaim("a", 5)]
    assert request(ledger, "b", 100) == [], "what is asked back already is not asked twice"
    assert release(ledger, "a", 5) == [Grant("b", 5)]


def test_what_a_run_that_ended_held_goes_to_those_that_wait() -> None:
    """Permits come back without a release: they are derived from the runs that hold them."""
    ledger = PermitLedger(2)
    request(ledger, "a", 2)
    request(ledger, "b", 2)
    changes = forget(ledger, "a")
    assert sum(change.count for change in changes if isinstance(change, Grant)) == 2
    assert ledger.held("b") == 2


def test_a_withdrawn_request_gets_nothing() -> None:
    """A request for none replaces an earlier one."""
    ledger = PermitLedger(1)
    request(ledger, "a", 1)
    request(ledger, "b", 1)
    request(ledger, "b", 0)
    assert not [change for change in release(ledger, "a", 1) if isinstance(change, Grant)]


def test_more_runs_than_permits_take_turns() -> None:
    """With one permit and three runs that always want it, each gets it again and again."""
    ledger = PermitLedger(1)
    held: dict[str, int] = {}
    owed: dict[str, int] = {}
    for run in "abc":
        apply(request(ledger, run, 1), held, owed)
    turns = []
    for _ in range(30):
        (holder,) = [run for run, count in held.items() if count]
        turns.append(holder)
        assert owed.get(holder, 0) >= 1, "the holder is asked to let the others have their turn"
        held[holder] = owed[holder] = 0
        apply(release(ledger, holder, 1), held, owed)
        apply(request(ledger, holder, 1), held, owed)
    assert {turns.count(run) for run in "abc"} == {10}


RUNS = st.sampled_from("abcde")
STEPS = st.lists(
    st.tuples(st.sampled_from(["request", "return", "forget"]), RUNS, st.integers(0, 12)), min_size=1, max_size=60
)


@given(total=st.integers(1, 9), steps=STEPS)
@settings(max_examples=300, deadline=None)
def test_the_bound_holds_and_nothing_leaks(total: int, steps: list[tuple[str, str, int]]) -> None:
    """Whatever runs ask for and give back, never more is out than there is, and no free permit lies idle."""
    ledger = PermitLedger(total)
    held: dict[str, int] = {}
    owed: dict[str, int] = {}
    wanted: dict[str, int] = {}
    for step, run, count in steps:
        if step == "request":
            wanted[run] = count
            changes = request(ledger, run, count)
        elif step == "return":
            back = min(count, held.get(run, 0))
            held[run] = held.get(run, 0) - back
            owed[run] = max(owed.get(run, 0) - back, 0)
            changes = release(ledger, run, back)
        else:
            for table in (held, owed, wanted):
                table.pop(run, None)
            changes = forget(ledger, run)
        for change in changes:
            if isinstance(change, Grant):
                wanted[change.run_id] -= change.count
        apply(changes, held, owed)
        assert sum(held.values()) <= total
        assert ledger.free == total - sum(held.values())
        assert all(ledger.held(each) == count for each, count in held.items())
        assert all(count >= 0 for count in wanted.values())
        if any(wanted.values()):
            assert ledger.free == 0, "a permit lies idle while somebody wants it"
        assert all(owed.get(each, 0) <= held.get(each, 0) for each in held), "no run is asked for more than it has"


@given(total=st.integers(1, 6), runs=st.integers(2, 6), steps=st.integers(50, 120))
@settings(max_examples=60, deadline=None)
def test_nobody_starves(total: int, runs: int, steps: int) -> None:
    """Runs that want everything for ever, and give back only what is asked of them, are all served."""
    ledger = PermitLedger(total)
    names = [f"run{number}" for number in range(runs)]
    held: dict[str, int] = dict.fromkeys(names, 0)
    owed: dict[str, int] = dict.fromkeys(names, 0)
    served: set[str] = set()
    for name in names:
        apply(request(ledger, name, 100), held, owed)
    for step in range(steps):
        served |= {name for name in names if held[name]}
        name = names[step % runs]
        if owed[name]:
            back, owed[name] = owed[name], 0
            held[name] -= back
            apply(release(ledger, name, back), held, owed)
            apply(request(ledger, name, 100), held, owed)
    assert served == set(names)


@given(total=st.integers(1, 9), steps=STEPS)
@settings(max_examples=100, deadline=None)
def test_what_is_noted_together_is_shared_out_together(total: int, steps: list[tuple[str, str, int]]) -> None:
    """However much has been noted, one sharing out leaves no permit idle, and never more out than there are."""
    ledger = PermitLedger(total)
    for step, run, count in steps:
        if step == "request":
            ledger.request(run, count)
        elif step == "return":
            ledger.release(run, min(count, ledger.held(run)))
        else:
            ledger.forget(run)
    held = {run: ledger.held(run) for run in "abcde"}
    assert (sum(held.values()), ledger.free) == (0, total), "nothing is granted before it is shared out"
    apply(ledger.share_out(), held, {})
    assert {run: ledger.held(run) for run in "abcde"} == held
    assert sum(held.values()) <= total
    again = ledger.share_out()
    assert again == [], "what has been shared out is not shared out again"


def test_a_thousand_runs_are_looked_at_once_for_all_that_was_noted() -> None:
    """Noting does not look at other runs, so that what a thousand of them ask for is shared out in one go."""
    ledger = PermitLedger(1024)
    for number in range(1000):
        ledger.request(f"run{number}", 10)
    changes = ledger.share_out()
    granted = [change for change in changes if isinstance(change, Grant)]
    assert len(granted) == len({change.run_id for change in granted}) == 1000, "one message a run"
    assert ledger.free == 0


def test_what_is_free_is_taken_unless_somebody_waits() -> None:
    """Then it is shared out in turn."""
    pool = PermitPool(5)
    assert (pool.take("a", 3), pool.take("b", 3), pool.take("c", 3)) == (3, 2, 0)
    assert pool.request("c", 2), "the engine is to share out"
    assert not pool.request("c", 3), "and has been asked"
    assert not pool.release("a", 3)
    assert pool.take("b", 1) == 0
    assert pool.share_out() == [Grant("c", 2), Grant("c", 1)] or pool.free == 0
    assert pool.take("b", 1) == 0
    assert not pool.forget("c"), "no run waits any more"
    assert pool.free == 3


def test_permits_are_taken_by_many_threads_at_once() -> None:
    """Never more than there are, and all of them come back."""
    pool, rounds = PermitPool(7), 500
    most: list[int] = []

    def work(name: str) -> None:
        for _ in range(rounds):
            taken = pool.take(name, 3)
            most.append(taken)
            assert 0 <= pool.free <= 7
            pool.release(name, taken)

    threads = [threading.Thread(target=work, args=(f"run{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pool.free == 7
    assert len(most) == 8 * rounds
    assert max(most) == 3


def test_a_pool_that_shrinks_gets_its_permits_back_as_items_end() -> None:
    """One without workers has none, and one that grows serves who waits."""
    pool = PermitPool(0, "compute")
    assert pool.take("a", 3) == 0
    assert pool.request("a", 3)
    assert pool.share_out() == []
    assert pool.resize(4), "the engine is to share out"
    assert pool.share_out() == [Grant("a", 3)]
    assert not pool.resize(1)
    assert (pool.free, pool.take("b", 1)) == (0, 0)
    pool.release("a", 3)
    assert (pool.free, pool.take("b", 2)) == (1, 1)


def test_permits_are_reclaimed_for_others_than_runs() -> None:
    """First from the run that holds the most, and once: what is on its way counts."""
    ledger = PermitLedger(10)
    ledger.take("a", 2)
    ledger.take("b", 5)
    assert ledger.to_reclaim(3) == 4
    assert list(ledger.reclaim(3)) == [Reclaim("b", 4)]
    assert (ledger.to_reclaim(3), ledger.to_reclaim(0)) == (0, 3)
    ledger.release("b", 4)
    assert list(ledger.reclaim(0)) == [Reclaim("a", 2), Reclaim("b", 1)]
