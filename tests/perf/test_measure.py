"""How the benchmarks take turns."""

import os
import subprocess
from pathlib import Path
from time import time

import measure
import pytest
from measure import (
    DEADLINE,
    LEAST_ROUNDS,
    interleave,
    interleave_finely,
    interleave_singly,
    numbered,
    revision,
    steadily,
    until,
)

from tests.support.waiting import PATIENCE


def test_every_case_has_a_value_a_round() -> None:
    """The first round has none."""
    calls: list[str] = []

    def case(name: str, loops: int) -> float:
        calls.append(name)
        return float(loops)

    cases = {"a": lambda loops: case("a", loops), "b": lambda loops: case("b", loops)}
    assert interleave(cases, 2, {"a": 1, "b": 1}) == {"a": [1.0, 1.0], "b": [1.0, 1.0]}
    assert calls == ["b", "a", "a", "b", "b", "a"]


def test_a_value_is_the_mean_of_the_parts_of_its_round() -> None:
    """The cases take turns within the round. The first round has no value."""
    calls: list[str] = []
    times = iter([9.0, 9.0, 1.0, 3.0, 5.0, 9.0])

    def case(name: str) -> dict[str, list[float]]:
        calls.append(name)
        return {"seconds": [next(times) if name == "a" else 2.0]}

    cases = {"a": lambda: case("a"), "b": lambda: case("b")}
    assert interleave_finely(cases, 2, 2) == {"a, seconds": [2.0, 7.0], "b, seconds": [2.0, 2.0]}
    assert calls == ["b", "a", "a", "b"] * 3


def test_a_section_past_its_deadline_has_few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long section does not keep the report from being complete."""
    monkeypatch.setenv(DEADLINE, "0")
    assert len(interleave({"a": float}, 9, {"a": 1})["a"]) == LEAST_ROUNDS
    assert len(interleave_singly({"a": lambda: {"item": [1.0]}}, 9)["a, item"]) == LEAST_ROUNDS
    assert len(interleave_finely({"a": lambda: {"item": [1.0]}}, 9, 2)["a, item"]) == LEAST_ROUNDS
    assert len(interleave({"a": float}, 2, {"a": 1})["a"]) == 2


def test_a_deadline_is_no_later_than_one_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a section, and of all of them. Afterwards the one around it holds again."""
    monkeypatch.delenv(DEADLINE, raising=False)
    with until(0.0), until(time() + PATIENCE):
        assert list(numbered(9)) == list(range(LEAST_ROUNDS + 1))
    with until(time() + PATIENCE):
        with until(0.0):
            assert len(list(numbered(9))) == LEAST_ROUNDS + 1
        assert len(list(numbered(9))) == 10
    assert DEADLINE not in os.environ


def test_a_steady_case_has_the_median_of_several_values() -> None:
    """One that is disturbed does not count."""
    values = iter([1.0, 9.0, 2.0])
    assert steadily(lambda loops: next(values) * loops, 3)(10) == 20.0


def test_figures_name_the_revision_that_they_are_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether files differ from it, too. Where there is no history, they say so."""
    monkeypatch.setattr(measure, "__file__", str(tmp_path / "measure.py"))
    assert revision() == "unknown"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(tmp_path)]
    (tmp_path / "measure.py").touch()
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    committed = revision()
    assert len(committed) >= 7
    (tmp_path / "measure.py").write_text("changed")
    assert revision() == f"{committed} changed"
