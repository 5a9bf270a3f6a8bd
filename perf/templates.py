"""What it costs to render a template: Stretto's compiled expressions, and the same text in Jinja2's own sandbox."""

from itertools import repeat
from time import perf_counter
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment
from measure import Case, Samples, interleave, ratio
from report import Measured, Table, timing
from samples import context, frozen_object
from targets import of_ratio

from stretto.definitions.context import ItemScope
from stretto.definitions.errors import Finding, Place
from stretto.definitions.expressions import Moment, Site, Template, compile_text

ONE = "Hello {{ item.name }}"
THREE = "{{ item.name }} in {{ parameters.region }}: {{ task.load.result.greeting }}"
ITEM = {"name": "server-1", "port": 8080}
JINJA_NAMES: dict[str, Any] = {
    "item": ITEM,
    "parameters": {"region": "north", "limit": 10},
    "task": {"load": {"result": {"greeting": "hello"}}},
}
ORIGIN = {"one expression": "243 ns", "three expressions": "884 ns"}


def compiled(text: str) -> Template:
    """Compile a text as the reader of definitions does."""
    findings: list[Finding] = []
    template = compile_text(text, lambda offset: Place("perf", 1, 1 + offset), Site(items=True), findings.append)
    assert not findings, findings
    return template


def stretto(text: str, results: int = 0) -> Case:
    """Render a text in an item's scope, over a context of so many results of 10 KB."""
    template = compiled(text)
    scope = ItemScope(context(results).snapshot(), frozen_object(ITEM), 7)
    moment = Moment(0.0, "perf")

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in repeat(None, loops):
            template.evaluate(scope, moment)
        return perf_counter() - began

    return case


def jinja(text: str) -> Case:
    """Render a text with Jinja2 itself, from plain dicts that hold only what the text reads."""
    template = ImmutableSandboxedEnvironment().from_string(text)

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in repeat(None, loops):
            template.render(JINJA_NAMES)
        return perf_counter() - began

    return case


def measure(rounds: int) -> Samples:
    """Measure all of the above, in turn."""
    _check_same_text()
    return interleave(
        {
            "one expression": stretto(ONE),
            "one expression, jinja": jinja(ONE),
            "three expressions": stretto(THREE),
            "three expressions, jinja": jinja(THREE),
            "one expression, 5 MB": stretto(ONE, results=500),
            "three expressions, 5 MB": stretto(THREE, results=500),
        },
        rounds,
    )


def _check_same_text() -> None:
    scope = ItemScope(context(0).snapshot(), frozen_object(ITEM), 7)
    for text in (ONE, THREE):
        ours = compiled(text).evaluate(scope, Moment(0.0, "perf"))
        theirs = ImmutableSandboxedEnvironment().from_string(text).render(JINJA_NAMES)
        assert ours == theirs, (ours, theirs)


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(
        "Rendering a template",
        [
            "template",
            "stretto",
            "Jinja2's sandbox",
            "Jinja2 : stretto",
            "over 5 MB",
            "5 MB : 0 MB",
            "the origin (Rust)",
        ],
    )
    for name, published in ORIGIN.items():
        ours, theirs, large = samples[name], samples[f"{name}, jinja"], samples[f"{name}, 5 MB"]
        made.add(
            name, timing(ours, "us"), timing(theirs, "us"), f"{ratio(theirs, ours):.1f}",
            timing(large, "us"), f"{ratio(large, ours):.2f}", published,
        )  # fmt: skip
    return made


def targets(samples: Samples) -> dict[str, Measured]:
    """Say how many times faster than Jinja2's sandbox each template is."""
    return {name: of_ratio(samples[f"{name}, jinja"], samples[name]) for name in ORIGIN}
