"""How the benchmarks take turns."""

import pytest
from measure import DEADLINE, LEAST_ROUNDS, interleave, interleave_singly


def test_every_case_has_a_value_a_round() -> None:
    """The first round has none."""
    calls: list[str] = []

    def case(name: str, loops: int) -> float:
        calls.append(name)
        return float(loops)

    cases = {"a": lambda loops: case("a", loops), "b": lambda loops: case("b", loops)}
    assert interleave(cases, 2, {"a": 1, "b": 1}) == {"a": [1.0, 1.0], "b": [1.0, 1.0]}
    assert calls == ["b", "a", "a", "b", "b", "a"]


def test_a_section_past_its_deadline_has_few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long section does not keep the report from being complete."""
    monkeypatch.setenv(DEADLINE, "0")
    assert len(interleave({"a": float}, 9, {"a": 1})["a"]) == LEAST_ROUNDS
    assert len(interleave_singly({"a": lambda: {"item": [1.0]}}, 9)["a, item"]) == LEAST_ROUNDS
    assert len(interleave({"a": float}, 2, {"a": 1})["a"]) == 2
