"""The work of reading a definition is counted in units of its text, and bounded for texts of clients."""

from collections.abc import Callable

import pytest

from stretto.definitions.dialects import read_with_findings
from stretto.definitions.errors import Place
from stretto.definitions.source import TooMuchWork, Work

PLACE = Place("f", 1, 1)
NATIVE = """version: "1"
ref: a.b
tasks:
  - name: t
    action: core.echo
    input: {message: "{{ 1 }} {{ 2 }}"}
    next: [{when: "task.t.result == 1", do: [u]}]
  - {name: u, action: core.noop}
"""
ORQUESTA = """version: 1.0
tasks:
  t:
    action: core.echo message=<% 1 %>
    next: [{when: <% succeeded() %>, publish: [{x: "{{ 1 }}"}]}]
"""


@pytest.mark.parametrize(
    ("charge", "units"),
    [
        (lambda work: work.charge_text("{{ 1 }} <% 2 %>", PLACE), 2 * 40 + 15),
        (lambda work: work.charge_condition("x == 1", PLACE), 2 * (40 + 6)),
    ],
)
def test_the_units_of_a_text(charge: Callable[[Work], None], units: int) -> None:
    """Nothing for one without an expression."""
    Work(0).charge_text("x" * 1000, PLACE)
    charge(Work(units))
    with pytest.raises(TooMuchWork, match=f"at most {units - 1:,} units of work"):
        charge(Work(units - 1))


@pytest.mark.parametrize("text", [NATIVE, ORQUESTA])
def test_a_definition_that_takes_too_much_work_is_not_read(text: str) -> None:
    """At one unit less than it takes: all parts of it are counted, in both dialects. Without a bound it is read."""
    most = next(units for units in range(2000) if read_with_findings(text, "f", Work(units)).workflow is not None)
    assert most > 100
    refused = read_with_findings(text, "f", Work(most - 1))
    assert (refused.workflow, [each.code for each in refused.findings]) == (None, ["too_much_work"])
    assert read_with_findings(text, "f").workflow is not None


def test_each_value_counts() -> None:
    """Those that aliases repeat, too."""
    for members in ("1, 1, 1", "&a [1, 1], *a"):
        text = f"version: '1'\nref: a.b\nvars: {{x: [{members}]}}\ntasks: [{{name: t, action: core.noop}}]\n"
        most = next(units for units in range(2000) if read_with_findings(text, "f", Work(units)).workflow is not None)
        assert most == 2 * (16 + (3 if members.startswith("1") else 6))
