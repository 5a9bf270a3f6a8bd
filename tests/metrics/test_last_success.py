"""The times of workflows' last successes."""

from stretto.metrics.last_success import LastSuccesses


def times(successes: LastSuccesses) -> dict[str, float]:
    """Return what a scrape shows, by workflow."""
    (family,) = successes.collect()
    return {sample.labels["workflow"]: sample.value for sample in family.samples}


def test_only_listed_workflows_that_have_succeeded_have_a_series() -> None:
    """A 0 would say that a workflow last succeeded in 1970."""
    successes = LastSuccesses()
    successes.record("gone", 1.0)
    successes.list_only(["new", "nightly"])
    assert times(successes) == {}
    successes.record("nightly", 2.0)
    assert times(successes) == {"nightly": 2.0}


def test_an_earlier_time_does_not_replace_a_later_one() -> None:
    """Two runs may end at once, and the wall clock may be set back."""
    successes = LastSuccesses()
    successes.list_only(["nightly"])
    successes.record("nightly", 20.0)
    successes.record("nightly", 10.0)
    assert times(successes) == {"nightly": 20.0}


def test_a_name_that_utf8_cannot_encode_is_shown_as_by_the_counters() -> None:
    """A lone surrogate would fail all later scrapes."""
    successes = LastSuccesses()
    successes.list_only(["bad \ud800 name"])
    successes.record("bad \ud800 name", 1.0)
    assert times(successes) == {"bad ? name": 1.0}
