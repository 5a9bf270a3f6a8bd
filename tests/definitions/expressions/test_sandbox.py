"""Untrusted expressions: nothing of Python is reached, nothing is changed, and neither memory nor time runs away."""

import tracemalloc

import pytest

from stretto.definitions.data.frozen import FrozenDict, FrozenList
from tests.support.evaluating import (
    EVERYWHERE,
    code_of,
    evaluate,
    failure_of,
    findings_in,
    frozen_object,
    refused,
    snapshot_of,
)

DEEP = 10_000

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ (1).__class__ }}",
    "{{ [].__class__.__mro__ }}",
    "{{ range.__globals__ }}",
    "{{ range.__call__ }}",
    "{{ now.__self__ }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''.format }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '{a}'.format_map({'a': 1}) }}",
    "{{ lipsum() }}",
    "{{ lipsum }}",
    "{{ cycler('a') }}",
    "{{ joiner() }}",
    "{{ namespace() }}",
    "{{ dict(a=1) }}",
    "{{ self }}",
    "{{ self.x }}",
    "{{ self['x'] }}",
    "{{ self[0:1] }}",
    "{{ self|list }}",
    "{{ self|length }}",
    "{{ context }}",
    "{{ environment }}",
    "{{ _ }}",
    "{{ __builtins__ }}",
    "{{ __name__ }}",
    "{{ caller() }}",
    "{{ super() }}",
    "{{ varargs }}",
    "{{ kwargs }}",
    "{{ loop }}",
    "{{ loop.index }}",
    "{{ undefined }}",
    "{{ [1]|map(attribute='__class__')|list }}",
    "{{ [1]|map('attr', '__class__')|list }}",
    "{{ [parameters]|map(attribute='_members')|list }}",
    "{{ [1]|selectattr('__class__')|list }}",
    "{{ [1]|groupby('__class__') }}",
    "{{ [1]|sort(attribute='__class__') }}",
    "{{ [1]|sum(attribute='__class__') }}",
    "{{ workflow._members }}",
    "{{ workflow['_members'] }}",
    "{{ workflow.read }}",
    "{{ workflow.read('o') }}",
    "{{ workflow.names() }}",
    "{{ workflow.get('o') }}",
    "{{ workflow.o.__class__ }}",
    "{{ workflow.o.__reduce__() }}",
    "{{ workflow.o['get'] }}",
    "{{ workflow.l['count'](1) }}",
    "{{ 'a'['upper']() }}",
    "{{ workflow.o.get.__self__ }}",
    "{{ ''.join.__globals__ }}",
    "{{ workflow.o.get }}",
    "{{ workflow.l.count }}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% macro m() %}{% endmacro %}",
    "{% call x() %}{% endcall %}",
    "{% block b %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with a=1 %}{% endwith %}",
    "{% set x %}y{% endset %}",
    "{% set ns.x = 1 %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% do x %}",
    "{% trans %}{% endtrans %}",
    "{% for i in [1] recursive %}{{ loop([2]) }}{% endfor %}",
    "{% for i in [1] %}{{ loop.cycle(1) }}{% endfor %}",
    "{% for i in [1] %}{{ loop.changed(1) }}{% endfor %}",
    "{% for i in [1] %}{{ loop._iterator }}{% endfor %}",
    "{% for i in [1] %}{{ loop['_iterator'] }}{% endfor %}",
    "{% set range = 1 %}",
    "{% set null = 1 %}",
    "{% set f = range %}",
    "{% for length in [1] %}{% endfor %}",
    "{{ range(*[1]) }}",
    "{{ range(**{'a': 1}) }}",
    "{{ 1() }}",
    "{{ 'a'() }}",
    "{{ workflow() }}",
    "{{ workflow.o() }}",
    "{{ (1,)._fields }}",
    "{{ (1).real }}",
    "{{ workflow.o|items|attr('x') }}",
    "{{ [1]|random }}",
    "{{ [1]|shuffle }}",
    "{{ 'a'|pprint }}",
    "{{ 'a'|safe }}",
    "{{ 'a'|escape }}",
    "{{ {'a': 1}|xmlattr }}",
    "{{ 'a'|urlize }}",
    "{{ 'a'|format(1) }}",
    "{{ 1|filesizeformat }}",
    "{{ 'a'|striptags }}",
    "{{ 1 is filter }}",
    "{{ 'x' is callable }}",
    "{{ 1 is sameas 1 }}",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_nothing_of_python_is_reached(text: str) -> None:
    """Attributes, globals, other templates and everything not on a list are findings or errors."""
    assert refused(text, o={"a": 1}, l=[1])


CHANGES = [
    "workflow.o.update({'a': 2})",
    "workflow.o.clear()",
    "workflow.o.pop('a')",
    "workflow.o.setdefault('b', 1)",
    "workflow.o.popitem()",
    "workflow.o.__setitem__('a', 2)",
    "workflow.l.append(1)",
    "workflow.l.extend([1])",
    "workflow.l.insert(0, 1)",
    "workflow.l.pop()",
    "workflow.l.remove(1)",
    "workflow.l.sort()",
    "workflow.l.reverse()",
    "workflow.l.clear()",
    "workflow.l.__iadd__([1])",
    "[].append(1)",
    "workflow.update({})",
    "workflow.l|sort.append",
    "workflow.o['update']({'a': 2})",
]


@pytest.mark.parametrize("change", CHANGES)
def test_data_cannot_be_changed(change: str) -> None:
    """No method that would change data can be called, and the data stays as it is."""
    fields, members = frozen_object({"a": 1}), [1, 2]
    scope = snapshot_of({"o": fields, "l": members})
    assert refused(f"{{{{ {change} }}}}", o=fields, l=members)
    assert (scope.variables["o"], scope.variables["l"]) == ({"a": 1}, [1, 2])


@pytest.mark.parametrize(
    "text", ["{{ [workflow.l|indent] }}", "{{ workflow.l|sort|list }}", "{{ workflow.l|reverse|list }}"]
)
def test_filters_leave_their_lists_alone(text: str) -> None:
    """The result of a filter is a new value; its argument does not change."""
    scope = snapshot_of({"l": [3, 1, 2]})
    refused(text, l=scope.variables["l"])
    assert scope.variables["l"] == [3, 1, 2]


BLOW_UPS = [
    "{{ 'x' * 10**9 }}",
    "{{ 10**9 * 'x' }}",
    "{{ 'x' * 10**9 ~ '' }}",
    "{{ ('x' * 10**9)|length }}",
    "{{ [1] * 10**9 }}",
    "{{ 10**9 * [1] }}",
    "{{ (1,) * 10**9 }}",
    "{{ 10**(10**10) }}",
    "{{ 2**(2**40) }}",
    "{{ (10**100)**100 }}",
    "{{ range(10**9) }}",
    "{{ range(10**9)|list }}",
    "{{ range(0, 10**12) }}",
    "{{ range(0, 10**18, 1)|length }}",
    "{{ range(999999)|map('string')|list + range(999999) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%.1000000000f' % 1 }}",
    "{{ '%*d' % (10**9, 1) }}",
    "{{ '%-*d' % (10**9, 1) }}",
    "{{ '%.*f' % (10**9, 1.0) }}",
    "{{ '%5.*f' % (10**9, 1.0) }}",
    "{{ '%(a)1000000000d' % {'a': 1} }}",
    "{{ ['x' * 1000] * 100000 | join('y' * 1000) }}",
    "{{ join(range(900000), 'x' * 100000) }}",
    "{{ ('y' * 100000).join(range(900000)) }}",
    "{{ replace('x' * 100000, 'x', 'y' * 1000) }}",
    "{{ ('x' * 100000).replace('x', 'y' * 1000) }}",
    "{{ ('x' * 100000)|replace('', 'y' * 1000) }}",
    "{{ 'x'|center(10**9) }}",
    "{{ 'x'|indent(10**9) }}",
    "{{ ('\\n' * 1000000)|indent(1000) }}",
    "{{ ('\\n' * 1000000)|indent('x' * 1000) }}",
    "{{ 'x'.ljust(10**9) }}",
    "{{ 'x'.rjust(10**9) }}",
    "{{ 'x'.center(10**9) }}",
    "{{ 'x'.zfill(10**9) }}",
    "{{ 'x'.expandtabs(10**9) }}",
    "{{ ('x ' * 100000)|wordwrap(1, wrapstring='y' * 1000) }}",
    "{{ 'x'|wordwrap(10**9) }}",
    "{{ [1]|batch(10**9, 0)|list }}",
    "{{ [1]|slice(10**9)|list }}",
    "{{ [1]|batch(linecount=10**9, fill_with=0)|list }}",
    "{% set x = 'x' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "{% set x = 'x' %}" + "{% set x = x + x %}" * 40 + "{{ x }}",
    "{% set x = [1] %}" + "{% set x = x + x %}" * 40 + "{{ x }}",
    "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x }}",
    "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x|tojson }}",
    "{% set x = {'a': 1} %}" + "{% set x = {'a': x, 'b': x} %}" * 40 + "{{ x }}",
    "{% set x = 2 %}" + "{% set x = x * x %}" * 40 + "{{ x }}",
    "{% for i in range(10**9) %}x{% endfor %}",
    "{% for i in range(2000) %}{% for j in range(2000) %}{% endfor %}{% endfor %}",
    "{% for i in range(900000) %}{% for j in [1, 2] %}{% endfor %}{% endfor %}",
    "{% for i in range(90000) %}" + "x" * 1000 + "{% endfor %}",
    "{{ zip(range(600000), range(600000)) }}",
    "{{ flat([range(500000)] * 30) }}",
    "{{ chunks(range(10**7), 1) }}",
    "{{ ('x' * 8000000)|list }}",
    "{{ ('x' * 8000000)|map('upper')|list }}",
    "{{ ('x ' * 4000000)|urlencode }}",
]


@pytest.mark.parametrize("text", BLOW_UPS, ids=lambda text: text[:50])
def test_what_would_blow_up_is_refused(text: str) -> None:
    """Texts, lists, numbers and loops without bound are findings or errors."""
    assert refused(text)


@pytest.mark.parametrize(
    "text",
    [text for text in BLOW_UPS if ("9)" in text or "9 " in text) and "99999" not in text],
    ids=lambda text: text[:50],
)
def test_what_would_blow_up_is_refused_before_it_is_made(text: str) -> None:
    """A size that is known in advance is checked in advance: the error costs next to no memory."""
    tracemalloc.start()
    try:
        assert refused(text)
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


TEXTS_WITHOUT_A_SUM = {
    "a list of texts": "{{ [" + ",".join(["'x' * 8000000"] * 30) + "]|length }}",
    "map": "{{ range(30000)|map('string')|map('center', 10000)|list|length }}",
    "sort keys": "{{ (['X' * 8000000] * 30)|sort(case_sensitive=false)|length }}",
    "% with a mapping": "{{ (('%(a)s' * 30) % {'a': 'x' * 8000000})|length }}",
    "% with lists": "{{ (('%s' * 30) % ((['x' * 8000000],) * 30))|length }}",
    "title": "{{ (['x' * 8000] * 3000)|title|length }}",
    "capitalize": "{{ (['x' * 8000000] * 3)|capitalize|length }}",
    "urlencode": "{{ ([('a', 'x' * 1000000)] * 10)|urlencode|length }}",
    "split": "{{ [" + ",".join(["('xy ' * 2500000).split()"] * 2) + "]|length }}",
    "splitlines": "{{ (('xy\\n' * 2500000).splitlines())|length }}",
}


@pytest.mark.parametrize("text", TEXTS_WITHOUT_A_SUM.values(), ids=TEXTS_WITHOUT_A_SUM)
def test_all_the_texts_of_one_evaluation_together_are_bounded(text: str) -> None:
    """Many large texts are as little allowed as one of their size together, whichever way they are made."""
    assert refused(text)


def test_joining_checks_before_it_makes_the_texts() -> None:
    """A list of one large list, thirty times, is refused before its thirty JSON texts exist."""
    tracemalloc.start()
    try:
        assert refused("{{ ([['x' * 8000000]] * 10)|join|length }}")
        assert tracemalloc.get_traced_memory()[1] < 60 * 1024 * 1024
    finally:
        tracemalloc.stop()


SHARED = "[" * 8 + "1" + "] * 8" * 8

COMPARISONS = {
    "==": "{{ %s == %s }}",
    "<": "{{ %s < %s }}",
    "in": "{{ %s in [%s] }}",
    "sort": "{{ [%s, %s]|sort|length }}",
    "unique": "{{ unique([%s, %s])|length }}",
    "index": "{{ [%s].index(%s) }}",
    "count": "{{ [%s].count(%s) }}",
    "contains": "{{ contains([%s], %s) }}",
    "max": "{{ max([%s, %s])|length }}",
}


@pytest.mark.parametrize("text", COMPARISONS.values(), ids=COMPARISONS)
def test_comparing_lists_that_share_their_members_is_paid_for(text: str) -> None:
    """Eight levels of `[..] * 8` are sixteen million values to compare: more than an evaluation may walk over."""
    assert refused(text % (SHARED, SHARED))


def test_wrapping_one_long_word_is_refused() -> None:
    """A text of a hundred thousand lines to cut is refused; Python's textwrap would take quadratic time for it."""
    assert refused("{{ ('x' * 100000)|wordwrap(1)|length }}")


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [("(x+x+)+y", "x"), ("(a|aa)+$", "a"), ("(.*)*b", "a"), ("^(([a-z])+.)+[A-Z]([a-z])+$", "a")],
)
def test_no_pattern_makes_match_run_away(pattern: str, subject: str) -> None:
    """Patterns that take Python's `re` forever end at once."""
    assert evaluate(f"{{{{ match('{pattern}', '{subject}' * 50000 ~ '!') }}}}") in {True, False}


@pytest.mark.parametrize("pattern", ["(a)\\\\1", "(?=a)", "(?P<n", "a{1001}", "((a{100}){100}){100}", "[", "\\\\C**"])
def test_patterns_that_re2_cannot_read_are_errors(pattern: str) -> None:
    """Back references, look-around, and repetitions too large are reported, not run."""
    assert "cannot read the pattern" in failure_of(f"{{{{ match('{pattern}', 'aa') }}}}").reason


NESTINGS = {
    "parentheses": "{{ " + "(" * DEEP + "1" + ")" * DEEP + " }}",
    "lists": "{{ " + "[" * DEEP + "]" * DEEP + " }}",
    "objects": "{{ " + "{'a':" * 3000 + "1" + "}" * 3000 + " }}",
    "minus": "{{ " + "-" * DEEP + "1 }}",
    "not": "{{ " + "not " * 4000 + "1 }}",
    "filters": "{{ 1" + "|abs" * 4000 + " }}",
    "attributes": "{{ workflow" + ".a" * 9000 + " }}",
    "indexes": "{{ workflow" + "[0]" * 6000 + " }}",
    "calls": "{{ " + "lower(" * 3000 + "1" + ")" * 3000 + " }}",
    "chained calls": "{{ workflow.a" + "()" * 9000 + " }}",
    "sums": "{{ 1" + "+1" * 9000 + " }}",
    "powers": "{{ 1" + "**1" * 6000 + " }}",
    "and": "{{ 1" + " and 1" * 3000 + " }}",
    "if": "{{ 1" + " if 1 else 1" * 1500 + " }}",
    "tests": "{{ 1" + " is number" * 1900 + " }}",
    "blocks": "{% if 1 %}" * 900 + "{% endif %}" * 900,
    "loops": "{% for x in [1] %}" * 60 + "{% endfor %}" * 60,
    "more loops than Python nests": "{% for x in [1] %}" * 25 + "{% endfor %}" * 25,
}


@pytest.mark.parametrize("text", NESTINGS.values(), ids=NESTINGS)
def test_deep_nesting_is_a_finding(text: str) -> None:
    """However an expression nests, too deep is one finding and never a RecursionError."""
    assert code_of(text) in {"expression_too_deep", "expression_too_long", "expression_syntax"}


@pytest.mark.parametrize("depth", [90, 97, 98, 99, 100, 101, 150])
@pytest.mark.parametrize("shape", ["[%s]", "(%s,)", "'a' ~ (%s)", "lower(%s)", "-(%s)", "1 + (%s)", "(%s)|string"])
def test_about_the_limit_an_expression_works_or_is_a_finding(shape: str, depth: int) -> None:
    """Near the hundred levels, what compiles can be evaluated, and what does not is a finding."""
    text = "1"
    for _ in range(depth):
        text = shape % text
    found = findings_in(f"{{{{ {text} }}}}")
    if found:
        assert [each.code for each in found] == ["expression_too_deep"]
    else:
        refused(f"{{{{ {text} }}}}")


LEAKS = {
    "a loop that is called loop": "{% for loop in [1] %}{% endfor %}",
    "an integer of 5,000 digits": "{{ " + "1" * 5000 + " }}",
    "a carriage return before an expression": "a\r\n{{ 1 }}",
}


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_whatever_is_wrong_with_a_text_is_a_finding(text: str) -> None:
    """No exception of Jinja or Python leaves compile_text."""
    refused(text)


@pytest.mark.parametrize("text", ["a {{ '\\ud800' }}", "{% if true %}{{ '\\udfff' }}{% endif %}", "x \ud800 {{ 1 }}"])
def test_no_lone_surrogate_leaves_a_text(text: str) -> None:
    """A lone surrogate is no text: it cannot be written to a journal."""
    assert refused(text)


@pytest.mark.parametrize("text", ["workflow|title", "workflow|capitalize", "workflow|center", "'%s' % workflow"])
def test_a_namespace_cannot_be_made_a_text(text: str) -> None:
    """A namespace is no value for filters and formats either: its text would show an address in memory."""
    assert refused(f"{{{{ {text} }}}}")


def test_self_is_an_unknown_name() -> None:
    """`self` is not Jinja's reference to its template: it is not known, and cannot be set."""
    assert code_of("{{ self is defined }}") == "expression_name"
    assert code_of("{% set self = 1 %}") == "expression_name"


def test_a_loop_is_no_value() -> None:
    """`{{ loop }}` would consume the loop that it stands in: it is an error."""
    assert refused("{% for i in [1, 2, 3] %}{{ loop }}{% endfor %}")


def test_nothing_is_computed_when_a_definition_is_read() -> None:
    """Constants do not fold at load: reading what would be an error costs nothing and raises nothing."""
    for text in ("{{ 'x' * 10**9 }}", "{{ 1 / 0 }}", "{{ range(10**9) }}", "{{ 2**(2**40) }}", "{{ [][5] }}"):
        assert not findings_in(text, EVERYWHERE)


def test_the_dot_reads_a_key_before_a_method() -> None:
    """A field that is called like a method is the field; brackets never reach a method."""
    fields = {"items": [1], "keys": "k", "get": 2, "values": None, "update": 3, "__class__": 4}
    scope = snapshot_of({"o": fields})
    assert evaluate("{{ [workflow.o.items, workflow.o.keys, workflow.o.get] }}", scope) == [[1], "k", 2]
    assert evaluate("{{ [workflow.o.values, workflow.o.update, workflow.o.__class__] }}", scope) == [None, 3, 4]
    assert evaluate("{{ workflow.p.items()|list }}", p={"a": 1}) == [["a", 1]]


def test_values_that_generate_are_listed() -> None:
    """A lazy result of a filter becomes a list, at any depth."""
    value = evaluate("{{ {'a': [1, 2]|map('string'), 'b': {'c': 1}.keys()} }}")
    assert value == {"a": ["1", "2"], "b": ["c"]}
    assert (type(value), type(value["a"])) == (FrozenDict, FrozenList)
