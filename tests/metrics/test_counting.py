"""Every metric that is declared is counted somewhere: one that is not would be 0 for ever, and nobody would notice."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from stretto.metrics import HttpInstruments, Instruments, catalogue
from stretto.metrics.counter import Counter
from stretto.metrics.gauges import GaugeSources
from stretto.metrics.histogram import Histogram
from stretto.metrics.instruments import TaskInstruments, WorkflowInstruments
from tests.support.paths import ROOT

COUNTING = {"inc", "observe", "observe_many"}
REHEARSAL = ROOT / "actors" / "rehearsal"
"""What is counted there is in no scrape."""


def nodes_of(*files: Path) -> Iterator[ast.AST]:
    """Yield all nodes of the code of some files."""
    for file in files:
        yield from ast.walk(ast.parse(file.read_text()))


def nodes_of_actors() -> Iterator[ast.AST]:
    """Yield all nodes of the code that counts."""
    return nodes_of(*(each for each in (ROOT / "actors").rglob("*.py") if REHEARSAL not in each.parents))


def attributes_of_actors() -> set[str]:
    """Return the names of all attributes that the code of the actors reads."""
    return {node.attr for node in nodes_of_actors() if isinstance(node, ast.Attribute)}


def counted(nodes: Iterator[ast.AST]) -> set[str]:
    """Return the names of attributes that code counts with, such as `retries` in `instruments.retries.inc`."""
    return {
        node.value.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr in COUNTING and isinstance(node.value, ast.Attribute)
    }


def test_every_metric_is_made() -> None:
    """Each metric of the catalogue belongs to an instrument or a gauge."""
    names = ("instruments", "gauges", "pools", "schedules", "sensors", "events", "last_success")
    modules = [ROOT / "metrics" / f"{name}.py" for name in names]
    made = {
        node.attr
        for node in nodes_of(*modules)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "catalogue"
    }
    declared = {name for name, value in vars(catalogue).items() if isinstance(value, catalogue.Metric)}
    assert not declared - made


def test_every_instrument_is_counted() -> None:
    """Each counter and histogram is counted by an actor, or by a method of the instruments that an actor calls."""
    instruments = {name for name, value in vars(Instruments()).items() if isinstance(value, Counter | Histogram)}
    public = {name for name in instruments if not name.startswith("_")}
    assert public
    never = public - counted(nodes_of_actors())
    assert not never, f"declared in Instruments, and never counted: {sorted(never)}"


def test_every_family_is_used_by_a_method() -> None:
    """Instruments keeps those with labels to itself; its methods make the counters of each workflow and action."""
    loaded = {
        node.attr
        for node in nodes_of(ROOT / "metrics" / "instruments.py")
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    private = {name for name in vars(Instruments()) if name.startswith("_")}
    assert not private - loaded


def test_every_method_that_counts_is_called() -> None:
    """An actor calls each public method of the instruments."""
    methods = {
        name
        for each in (Instruments, WorkflowInstruments, TaskInstruments, HttpInstruments)
        for name, _ in inspect.getmembers(each, inspect.isfunction)
        if not name.startswith("_")
    }
    never = methods - attributes_of_actors()
    assert not never, f"methods of instruments that no actor calls: {sorted(never)}"


def test_every_gauge_has_a_source() -> None:
    """The engine binds each gauge: one that is left out would show a default for ever."""
    bound = {
        keyword.arg
        for node in nodes_of_actors()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "bind_gauges"
        for keyword in node.keywords
    }
    never = set(GaugeSources.__dataclass_fields__) - bound
    assert not never, f"gauges without a source: {sorted(never)}"


def test_a_metric_that_is_only_declared_is_noticed() -> None:
    """The search takes neither the declaration nor a mere mention for a use."""
    code = "self.retries = family.child()\nprint(self.retries.value)\nservices.instruments.snapshots.inc(2)\n"
    assert counted(ast.walk(ast.parse(code))) == {"snapshots"}
