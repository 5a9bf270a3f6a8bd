"""Jinja with Orquesta's meaning: that of Jinja itself, bounded and without ways out."""

from typing import Any

import jinja2.sandbox
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from stretto.definitions import freeze
from stretto.definitions.expressions.orquesta.jinja_filters import FILTER_NAMES, TEST_NAMES
from tests.support.evaluating import JSON, SOME
from tests.support.evaluating_orquesta import error_of, findings_in, value_of

REFERENCE = jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
VARIABLES: dict[str, Any] = {
    "a": [3, 1, 2, 3],
    "s": "Hello, World",
    "m": {"k": [1, {"z": 2}], "n": None},
    "l": [{"n": "x", "v": 1}, {"n": "y", "v": 2}, {"n": "x", "v": 3}],
    "n": 5,
    "f": 2.567,
    "b": True,
    "z": None,
}
EXPRESSIONS = r"""
a | sort
a | unique | list
a | sum
a | first
a | last
a | length
a | count
a | join(', ')
a | map('string') | join('-')
l | map(attribute='n') | list
l | selectattr('n', 'equalto', 'x') | map(attribute='v') | list
l | rejectattr('n', 'equalto', 'x') | list
l | groupby('n')
l | sum(attribute='v')
l | join('-', attribute='n')
l | sort(attribute='v', reverse=true)
a | select('odd') | list
a | batch(2, 0) | list
a | slice(2) | list
a | reverse | list
a | max
a | min
a | list
m | dictsort
m | items | list
m | tojson
m | pprint
m | string
m | length
m.k[1].z
m['k'][0]
s | upper
s | lower
s | title
s | capitalize
s | replace('o', '0')
s | replace('o', '0', 1)
s | trim
s | truncate(8)
s | wordcount
s | wordwrap(5)
s | center(20)
s | indent(2, true)
s | urlencode
s | escape
s | e
s | striptags
s | reverse
s | length
s | first
s | list
'%s-%s' | format('a', 1)
'%s' % m
'%5.2f' % f
'{} {x}'.format(1, x=m)
n / 2
n // 2
n % 3
n ** 2
4 / 2
a + [4]
a * 2
'a' ~ n ~ z ~ m
n > 3 and n < 9
n if b else z
z or 'd'
not z
n in a
'H' in s
f | round
f | round(1)
f | round(1, 'floor')
f | int
'5' | int + 1
'x' | int
'1.5' | float
n | abs
z | default('d')
z | default('d', true)
nope | default('d')
nope is defined
z is none
n is odd
n is divisibleby 5
m is mapping
a is iterable
s is string
n is number
s.upper()
s.split(', ')
s.startswith('H')
s.find('W')
s.replace('l', 'L')
s.center(20, '*')
'7'.zfill(3)
'-'.join(['a', 'b'])
s.partition(', ')
s[1:3]
s[-1]
a[1:]
a[::-1]
m.items() | list
m.keys() | list
m.get('nope', 1)
a.index(1)
a.count(3)
range(3) | list
range(1, 10, 3) | list
dict(x=1)
1234567 | filesizeformat
{'x': 1} | xmlattr
[1, [2]] | string
{'a': [none, true]}
(1, 2)
m | attr('k')
nope
nope.x
z.x
m.nope
a.nope
s + 1
a[9]
""".strip().split("\n")


def reference(source: str, variables: dict[str, Any]) -> Any:
    """Return what Jinja gives by itself."""
    value = REFERENCE.compile_expression(source, undefined_to_none=False)(**variables)
    str(value)
    return value


def _as_ours(source: str) -> str:
    """Return an expression that reads the same names by `ctx`."""
    words = "".join(f"{{% set {name} = ctx().{name} %}}" for name in VARIABLES)
    return f"{words}{{{{ {source} }}}}"


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_filters_operators_and_methods_mean_what_jinja_means(source: str) -> None:
    """The text is the same, or it is an error in both."""
    try:
        expected = str(_listed(reference(source, VARIABLES)))
    except Exception:  # noqa: BLE001 - whatever Jinja raises, ours is an expression's error
        error_of(_as_ours(source), VARIABLES)
    else:
        assert value_of(_as_ours(source), VARIABLES) == expected


def _listed(value: Any) -> Any:
    return (
        list(value) if type(value).__name__ in {"generator", "dict_items", "range", "list_reverseiterator"} else value
    )


@given(st.sampled_from([each for each in EXPRESSIONS if each[0] in "am" and each[1] in " [."]), JSON)
@SOME
def test_on_any_data_too(source: str, value: Any) -> None:
    """The same value, or an error in both."""
    variables = {**VARIABLES, "a": value, "m": value}
    try:
        expected = freeze(_listed(reference(source, variables)))
    except Exception:  # noqa: BLE001 - whatever Jinja raises, or gives that is no data
        return
    wholly = source.replace("a ", "ctx('a') ", 1) if source[0] == "a" else source.replace("m ", "ctx('m') ", 1)
    if wholly != source and "{" not in str(expected):
        assert value_of(f"{{{{ {wholly} }}}}", variables) == expected


def test_every_filter_and_test_of_jinja_is_there() -> None:
    """The two that ask about the environment are left out."""
    assert set(JINJA_FILTERS) <= FILTER_NAMES
    assert set(JINJA_TESTS) - {"filter", "test"} == TEST_NAMES


def test_a_random_member_is_of_the_list_the_range_or_the_text() -> None:
    """Of an empty list there is none."""
    assert set(value_of("{{ range(100) | map('string') | list }}")) > {str(value_of("{{ range(5, 9) | random }}"))}
    drawn = value_of("{% for i in range(60) %}{{ ['a', 'b', 'c'] | random }}{% endfor %}")
    assert set(drawn) == {"a", "b", "c"}
    assert value_of("{{ 'x' | random }}") == "x"
    assert value_of("{{ [] | random | default('none') }}") == "none"


HOSTILE = r"""
{{ range(10**12) }}
{{ 'a' * 10**10 }}
{{ [1] * 10**10 }}
{{ 2 ** 10000000 }}
{{ 'a'.center(10**10) }}
{{ 'a'.ljust(10**10) }}
{{ 'a'.zfill(10**10) }}
{{ 'a' | center(10**10) }}
{{ '\t'.expandtabs(10**10) }}
{{ '{:1000000000}'.format(1) }}
{{ '%1000000000d' % 1 }}
{{ '%1000000000d' | format(1) }}
{{ ('a' * 1000000).replace('a', 'b' * 100000) }}
{{ ('a' * 1000000) | replace('a', 'b' * 100000) }}
{{ range(100000) | join('x' * 1000) }}
{{ ('x' * 1000).join(['a'] * 100000) }}
{{ range(900000) | map('string') | map('center', 9999) | join }}
{% for i in range(10**5) %}{% for j in range(10**5) %}x{% endfor %}{% endfor %}
{% set x = [] %}{% for i in range(100) %}{% set _ = x.append(x) %}{% endfor %}{{ x }}
{% set x = [1] %}{% for i in range(100) %}{% set _ = x.extend(x) %}{% endfor %}{{ x | length }}
{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}
{% for a in range(3000) %}{% set x %}{{ 'y' * 100000 }}{% endset %}{% endfor %}
{{ 'a' | regex_replace('a', 'b' * 10**8) }}
""".strip().split("\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_would_take_all_memory_or_time_is_an_error(text: str) -> None:
    """It is refused before it is made."""
    error_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ ctx.__globals__ }}",
        "{{ ctx.call }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ [1] | attr('__class__') }}",
        "{{ [''] | map(attribute='__class__') | list }}",
        "{{ self }}",
        "{{ loop }}",
        "{{ lipsum() }}",
        "{{ cycler(1) }}",
        "{{ joiner() }}",
        "{{ {'a': 1} | random }}",
        "{{ namespace(a=1) }}",
        "{% macro f() %}{{ caller.__class__ }}{% endmacro %}{% call f() %}{% endcall %}",
        "{% for i in [1] %}{{ loop.__init__ }}{% endfor %}",
    ],
)
def test_there_is_no_way_out(text: str) -> None:
    """Neither to Python's attributes, nor to what is random or keeps a state."""
    error_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "{% include 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}",
        "{% block x %}{% endblock %}", "{% for a in [] recursive %}{% endfor %}", "{{ ctx(*[1]) }}", "{{ ctx(**{}) }}",
        "{{ 1e999 }}",
    ],
)  # fmt: skip
def test_what_a_definition_cannot_use_is_found_when_it_is_loaded(text: str) -> None:
    """Other files, recursive loops, arguments that are spread."""
    assert len(findings_in(text)) == 1


def test_data_of_the_run_cannot_be_changed() -> None:
    """Values created by the expression itself can."""
    for change in ("append(1)", "extend([1])", "pop()", "sort()", "insert(0, 1)"):
        assert "build a new value" in error_of(f"{{{{ ctx('l').{change} }}}}", {"l": [1]})
    assert "build a new value" in error_of("{{ ctx('o').update({'a': 1}) }}", {"o": {}})
    assert value_of("{% set o = {} %}{% set _ = o.update(a=1) %}{{ o }}") == "{'a': 1}"


def test_a_method_that_is_called_is_the_method() -> None:
    """A key of that name is read by a dot that calls nothing."""
    assert value_of("{{ ctx('o').items() | list }}", {"o": {"items": 1}}) == [["items", 1]]
    assert value_of("{{ ctx('o').items }}", {"o": {"items": 1}}) == 1
