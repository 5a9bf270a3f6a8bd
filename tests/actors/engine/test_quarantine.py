"""The runs that are not recovered: each is held because of itself, or of a run above it."""

import pykka
import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.quarantine import QuarantinedRuns
from stretto.actors.engine.run_table import Run
from stretto.actors.journal.store import Quarantine
from stretto.actors.outcome import RunHandle
from stretto.definitions.conductor import IllegalTransition

POISON = Quarantine("poison", 1000.0, "quarantined: it is poison")


def run(run_id: str, parent: str | None = None) -> Run:
    return Run(RunHandle(run_id, "tests.one", pykka.ThreadingFuture()), Deferred(), 1000.0, parent)


@pytest.fixture
def held() -> QuarantinedRuns:
    """Hold a quarantined run, its child and its grandchild."""
    runs = QuarantinedRuns()
    for each in (run("poison", "top"), run("child", "poison"), run("grandchild", "child")):
        runs.hold(each, POISON)
    return runs


def test_only_quarantined_runs_are_counted(held: QuarantinedRuns) -> None:
    """Those below them are held because of them."""
    assert len(held) == 1
    assert held.children_of("top") == ("poison",)
    assert held.children_of("poison") == ()
    assert held.of("grandchild") == POISON
    assert (held.of(None), held.of("top"), held.get("top"), held.get(None)) == (None, None, None, None)


def test_a_run_is_taken_with_those_below_it(held: QuarantinedRuns) -> None:
    """Parents come first."""
    assert [each.handle.id for each in held.take("poison")] == ["poison", "child", "grandchild"]
    assert len(held) == 0
    held.check("pause", "poison")


def test_a_run_is_forgotten_with_those_below_it(held: QuarantinedRuns) -> None:
    """Only a run without one above it has its whole tree held."""
    held.hold(run("top"), Quarantine("top", 1000.0, "quarantined: it is poison"))
    assert held.roots() == ("top",)
    held.forget("top")
    assert held.roots() == ()
    held.forget("poison")
    assert [held.get(each) for each in ("top", "poison", "child", "grandchild")] == [None] * 4


def test_requests_are_refused_with_the_reason(held: QuarantinedRuns) -> None:
    """A run below names the quarantined one."""
    with pytest.raises(IllegalTransition, match="cannot pause the run poison: it is quarantined: it is poison"):
        held.check("pause", "poison")
    with pytest.raises(
        IllegalTransition, match="cannot pause the run child: it waits for the run poison above it, which"
    ):
        held.check("pause", "child")
