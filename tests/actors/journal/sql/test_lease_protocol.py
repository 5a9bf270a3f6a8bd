"""No interleaving of two daemons, their delays and a death breaks a promise, and each rule is needed for that."""

import pytest

from tests.support.lease_model import RULES, Model, explore, without

NEEDED = {
    "a commit checks the fence": (Model(delivery="at_most_once"), "two daemons write a run"),
    "a renewal checks the fence": (Model(), "an item starts in a run of another daemon"),
    "a lease counts from when its renewal was sent": (Model(moments=3), "an item starts in a run of another daemon"),
    "entries are read after the claim": (Model(delivery="at_most_once"), "two daemons write a run"),
    "the start of an at_most_once item is recorded first": (
        Model(delivery="at_most_once"),
        "an at_most_once item is performed twice",
    ),
    "the lease is looked at before a start": (Model(), "an item starts in a run of another daemon"),
    "an answer is in the commit of its change": (Model(asks=True), "a request changes a run twice"),
    "a run is given up behind its last record": (Model(drains=True), "two daemons write a run"),
    "a daemon that starts again has a new number": (Model(), "two daemons write a run"),
}
"""Each rule, where the model breaks without it, and the promise that is broken."""


@pytest.mark.parametrize(
    ("model", "least"),
    [
        (Model(delivery="at_most_once"), 40_000),
        (Model(delivery="at_least_once"), 50_000),
        (Model(asks=True), 100_000),
        (Model(drains=True), 50_000),
    ],
    ids=["at most once", "at least once", "a request", "a drain"],
)
def test_no_interleaving_breaks_a_promise(model: Model, least: int) -> None:
    """All of them are explored, not a part."""
    found = explore(model)
    assert found.broken is None
    assert found.states > least


@pytest.mark.parametrize("rule", sorted(RULES))
def test_each_rule_is_needed(rule: str) -> None:
    model, broken = NEEDED[rule]
    assert explore(model._replace(rules=without([rule]))).broken == broken
