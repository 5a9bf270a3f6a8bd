"""Orquesta's dialect beside the native one: an evaluation, and an item of a fan-out. All by processor time.

`python perf/run.py --only orquesta`. A case of a native expression has the same value as its neighbours in YAQL and in
Orquesta's Jinja. Each evaluation has a new moment, as that of an item has.
"""

import gc
from itertools import repeat
from time import process_time, thread_time
from typing import Any, NamedTuple

from engines import engine, run
from measure import Case, Samples, interleave, ratio
from report import Measured, Table, ratio_text, timing
from samples import frozen_object
from targets import of_ratio

from stretto.definitions.context import Context, ItemScope, RunFacts
from stretto.definitions.data import EMPTY_OBJECT, freeze
from stretto.definitions.errors import Finding, Place
from stretto.definitions.expressions import Moment, Site, Template, compile_text
from stretto.definitions.expressions.orquesta import compile_text as compile_orquesta

ITEMS = 5_000
VARIABLES: dict[str, Any] = {
    "greeting": "hello",
    "n": 7,
    "l": [1, 2, 3],
    "o": {"x": {"y": 2}},
    "rows": [{"a": 1}, {"a": 2}, {"a": 3}],
    "flag": True,
}


class Written(NamedTuple):
    """An expression in the three languages."""

    native: str
    yaql: str
    jinja: str


PATHS: dict[str, Written] = {
    "a path": Written("{{ workflow.greeting }}", "<% ctx(greeting) %>", "{{ ctx().greeting }}"),
    "a text": Written(
        "Say {{ workflow.greeting }} to {{ item.name }}",
        "Say <% ctx(greeting) %> to <% item().name %>",
        "Say {{ ctx().greeting }} to {{ item().name }}",
    ),
}
FUNCTIONS: dict[str, Written] = {
    "switch": Written(
        "{{ 'big' if workflow.n > 5 else 'small' }}",
        "<% switch(ctx(n) > 5 => big, true => small) %>",
        "{{ 'big' if ctx().n > 5 else 'small' }}",
    ),
    "concat": Written(
        "{{ workflow.greeting ~ '!' }}", "<% concat(ctx(greeting), '!') %>", "{{ ctx().greeting ~ '!' }}"
    ),
    "str": Written("{{ workflow.n | string }}", "<% str(ctx(n)) %>", "{{ ctx().n | string }}"),
    "len": Written("{{ workflow.l | length }}", "<% len(ctx(l)) %>", "{{ ctx().l | length }}"),
    "select": Written(
        "{{ workflow.rows | map(attribute='a') | list }}",
        "<% ctx(rows).select($.a) %>",
        "{{ ctx().rows | map(attribute='a') | list }}",
    ),
    "where": Written(
        "{{ workflow.rows | selectattr('a', '>', 1) | list }}",
        "<% ctx(rows).where($.a > 1) %>",
        "{{ ctx().rows | selectattr('a', '>', 1) | list }}",
    ),
    "get": Written("{{ workflow.o.get('x') }}", "<% ctx(o).get(x) %>", "{{ ctx().o.get('x') }}"),
    "dict": Written("{{ {'a': workflow.n} }}", "<% dict(a => ctx(n)) %>", "{{ {'a': ctx().n} }}"),
    "list": Written("{{ [1, workflow.n] }}", "<% list(1, ctx(n)) %>", "{{ [1, ctx().n] }}"),
    "not": Written("{{ not workflow.flag }}", "<% not ctx(flag) %>", "{{ not ctx().flag }}"),
    "and": Written(
        "{{ workflow.flag and workflow.n > 5 }}", "<% ctx(flag) and ctx(n) > 5 %>", "{{ ctx().flag and ctx().n > 5 }}"
    ),
    "or": Written(
        "{{ workflow.flag or workflow.n > 5 }}", "<% ctx(flag) or ctx(n) > 5 %>", "{{ ctx().flag or ctx().n > 5 }}"
    ),
    "=": Written("{{ workflow.n == 7 }}", "<% ctx(n) = 7 %>", "{{ ctx().n == 7 }}"),
    "<": Written("{{ workflow.n < 7 }}", "<% ctx(n) < 7 %>", "{{ ctx().n < 7 }}"),
}
FAN_OUTS = {"native": "plain_fan_out", "yaql": "orquesta_yaql", "jinja": "orquesta_jinja"}


def _compiled(language: str, text: str) -> Template:
    findings: list[Finding] = []

    def place(offset: int) -> Place:
        return Place("perf", 1, 1 + offset)

    if language == "native":
        template = compile_text(text, place, Site(items=True), findings.append)
    else:
        template = compile_orquesta(text, place, findings.append)
    assert not findings, findings
    return template


def _evaluation(template: Template, scope: ItemScope) -> Case:
    def case(loops: int) -> float:
        began = thread_time()
        for _ in repeat(None, loops):
            template.evaluate(scope, Moment(0.0, "perf"))
        return thread_time() - began

    return case


def measure_expressions(rounds: int) -> Samples:
    """Measure an evaluation of each expression in each language, in turn."""
    context = Context(RunFacts(EMPTY_OBJECT, EMPTY_OBJECT, ()))
    for name, value in VARIABLES.items():
        context.publish(name, freeze(value))
    scope = ItemScope(context.snapshot(), frozen_object({"name": "server-1"}), 7)
    cases: dict[str, Case] = {}
    for name, written in (PATHS | FUNCTIONS).items():
        templates = {language: _compiled(language, text) for language, text in written._asdict().items()}
        values = [template.evaluate(scope, Moment(0.0, "perf")) for template in templates.values()]
        assert values[0] == values[1] == values[2], (name, values)
        cases.update((f"{name}, {language}", _evaluation(each, scope)) for language, each in templates.items())
    # There is a collection before each of the many values, and what is here is no garbage.
    gc.collect()
    gc.freeze()
    return interleave(cases, rounds)


def measure_fan_outs(rounds: int) -> Samples:
    """Measure a fan-out of `core.echo` in each language, in turn, an item."""
    with engine() as proxy:

        def fan_out(workflow: str) -> Case:
            def case(_loops: int) -> float:
                began = process_time()
                output = run(proxy, workflow, {"items": list(range(ITEMS))})
                assert output["count"] == ITEMS, output
                return (process_time() - began) / ITEMS

            return case

        cases = {language: fan_out(workflow) for language, workflow in FAN_OUTS.items()}
        return interleave(cases, rounds, dict.fromkeys(cases, 1))


def expressions_table(samples: Samples) -> Table:
    """Show `measure_expressions`."""
    table = Table(
        "An evaluation in Orquesta's dialect, processor time",
        ["", "native Jinja", "YAQL", "of native", "Orquesta's Jinja", "of native"],
    )
    for name in PATHS | FUNCTIONS:
        native, yaql, jinja = (samples[f"{name}, {language}"] for language in Written._fields)
        table.add(
            name, timing(native, "us"), timing(yaql, "us"), ratio_text(yaql, native),
            timing(jinja, "us"), ratio_text(jinja, native),
        )  # fmt: skip
    return table


def fan_outs_table(samples: Samples) -> Table:
    """Show `measure_fan_outs`."""
    table = Table(
        f"A fan-out of {ITEMS:,} items (core.echo) in Orquesta's dialect, processor time", ["", "an item", "of native"]
    )
    for language in FAN_OUTS:
        table.add(language, timing(samples[language], "us"), ratio_text(samples[language], samples["native"]))
    return table


def targets(expressions: Samples, fan_outs: Samples) -> dict[str, Measured]:
    """Compare YAQL with native Jinja, and the fan-outs with the native one."""
    found = {
        key: of_ratio(expressions[f"{name}, yaql"], expressions[f"{name}, native"])
        for key, name in (("yaql path", "a path"), ("yaql text", "a text"))
    }
    times = {name: ratio(expressions[f"{name}, yaql"], expressions[f"{name}, native"]) for name in FUNCTIONS}
    slowest = max(times, key=times.__getitem__)
    found["yaql functions"] = of_ratio(expressions[f"{slowest}, yaql"], expressions[f"{slowest}, native"], slowest)
    for language in ("yaql", "jinja"):
        found[f"orquesta fan-out, {language}"] = of_ratio(fan_outs[language], fan_outs["native"])
    return found
