"""YAQL by the package `yaql`: the same results, no copies, and bounds that hold."""

import inspect
import threading
from typing import Any

import pytest
import yaql
from hypothesis import given
from hypothesis import strategies as st
from yaql.language import utils

from stretto.definitions import ExpressionError, freeze
from stretto.definitions.expressions import ExpressionLimits, Moment
from stretto.definitions.expressions.base.limits import FIRST_MAX_COST
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.yaql_engine import YaqlExpression
from stretto.definitions.expressions.orquesta.yaql_views import ListView, ObjectView, OrderedSet, view
from tests.support.evaluating import JSON, SOME, frozen_list, snapshot_of
from tests.support.evaluating_orquesta import compiled, error_of, moment, value_of

REFERENCE = yaql.YaqlFactory().create()
VARIABLES: dict[str, Any] = {
    "a": [3, 1, 2],
    "s": "Hello, World",
    "m": {"k": [1, {"z": 2}], "n": None},
    "l": [{"n": "x", "v": 1}, {"n": "y", "v": 2}, {"n": "x", "v": 3}],
    "n": 5,
    "f": 1.5,
    "b": True,
    "z": None,
    "e": [],
}
EXPRESSIONS = r"""
ctx(a).orderBy($)
ctx(a).orderByDescending($).first()
ctx(l).where($.n = x).select($.v).sum()
ctx(l).groupBy($.n, $.v)
ctx(l).groupBy($.n, $.v, $.sum())
ctx(l).toDict($.n, $.v)
ctx(l).select([$.n, $.v])
ctx(l).n
ctx(l).n.distinct()
ctx(l).v.max()
ctx(s).split(', ')
ctx(s).toUpper()
ctx(s).len()
ctx(s).substring(2, 3)
ctx(s).replace(o, '0')
ctx(s).replace({Hello => Bye})
ctx(s) =~ 'W.*d$'
regex('o').split(ctx(s))
regex('(\\w)o').search(ctx(s), $2.value)
regex('o').searchAll(ctx(s))
ctx(s).startsWith(Hell)
ctx(s).toCharArray()
ctx(m).k[1].z
ctx(m).keys().toList()
ctx(m).values()
ctx(m).items().toList()
ctx(m).set(q, 1)
ctx(m).delete(n)
ctx(m) + {q => 2}
ctx(m).containsKey(k)
ctx(m).mergeWith({k => [9]})
ctx(a) + [9]
(ctx(a) + [9])[3]
ctx(a) * 2
ctx(a).contains(3)
3 in ctx(a)
ctx(a).skip(1)
ctx(a).take(2)
ctx(a).reverse()
ctx(a).enumerate()
ctx(a).any($ > 2)
ctx(a).all($ > 2)
ctx(a).aggregate($1 + $2)
ctx(a).accumulate($1 + $2)
ctx(a).zip(ctx(a))
ctx(a).zipLongest([1], default => q)
ctx(a).indexOf(2)
ctx(a).insert(1, x)
ctx(a).insertMany(1, [x, y])
ctx(a).delete(0)
ctx(a).replaceMany(0, [q, r])
ctx(a).slice(2)
ctx(a).splitAt(1)
ctx(a).sliceWhere($ > 1)
ctx(a).takeWhile($ > 2)
ctx(a).last()
ctx(a).single()
ctx(e).first(none)
ctx(e).first()
ctx(e).defaultIfEmpty([1])
ctx(a).sum()
ctx(a).toSet().len()
ctx(a).join(ctx(a), $1 = $2, [$1, $2])
ctx(a).select(str($)).join('-')
str(ctx(m))
str(ctx(z))
int('5') + 1
ctx(n) / 2
ctx(n) mod 3
-ctx(n)
ctx(n) > 3 and ctx(n) < 9
ctx(z) or 'd'
coalesce(ctx(z), 1)
switch(ctx(n) > 3 => big, true => small)
isList(ctx(a))
isDict(ctx(m))
let(x => 2) -> $x * 3
ctx(a).unpack(p, q, r) -> $p + $q
def(sq, $ * $) -> ctx(a).select(sq($))
dict([[a, 1], [b, 2]])
list(1, [2], range(3))
[1, [2, [3]]].flatten()
round(2.567, 2)
pow(2, 8)
hex(255)
isEmpty('  ')
datetime(2020, 1, 2).year
datetime('2020-01-02T03:04:05').timestamp
(datetime('2020-01-03') - datetime('2020-01-02')).hours
ctx(z)?.x
ctx(z).x
ctx(n).x
[1,2] = [1,2]
ctx(a) = [3,1,2]
[3,1,2] = ctx(a)
ctx(m).k = [1, {z => 2}]
ctx(l).selectMany([$.v, $.v])
ctx(l).orderBy($.n).thenByDescending($.v).select($.v)
ctx(l).distinct($.n)
[ctx(m), ctx(m)].distinct()
[ctx(a), [3, 1, 2]].distinct()
ctx(l).where($.v > 1).n
ctx(a).memorize()
ctx(a).append(1, 2)
ctx(a).cycle().take(5)
1.repeat(3)
sequence().take(3)
generate(1, $ < 20, $ * 2)
ctx(a).toSet().union([1,7].toSet()).orderBy($)
call(len, [ctx(a)], {})
a < b
ctx(z) < 1
ctx(s) + 1
ctx(a)[7]
ctx(m)[nope]
'a' * 3
""".strip().split("\n")


def reference(source: str, variables: dict[str, Any]) -> Any:
    """Return what the package gives by itself, its data copied in its own way."""
    data = utils.convert_input_data(variables)
    context = yaql.create_context()
    context.register_function(lambda key=None: data[key] if key else data, name="ctx")
    value = REFERENCE(source).evaluate(context=context)
    return list(value) if inspect.isgenerator(value) else value


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_the_standard_library_means_what_it_means(source: str) -> None:
    """Views instead of copies, and functions in place of others, change no result."""
    try:
        expected = reference(source, VARIABLES)
    except Exception:  # noqa: BLE001 - whatever the package raises, ours is an expression's error
        error_of(f"<% {source} %>", VARIABLES)
    else:
        assert value_of(f"<% {source} %>", VARIABLES) == expected
        assert value_of(f"!<% {source} %>", VARIABLES) == f"!{expected}"


@given(st.sampled_from([each for each in EXPRESSIONS if "ctx(a)" in each or "ctx(m)" in each]), JSON, JSON)
@SOME
def test_on_any_data_too(source: str, one: Any, other: Any) -> None:
    """The same value, or an error in both."""
    variables = {**VARIABLES, "a": one, "m": other}
    try:
        expected = reference(source, variables)
        frozen = freeze(expected)
    except Exception:  # noqa: BLE001 - whatever the package raises, or gives that is no data
        expected = None
    else:
        if not any(mark in repr(expected) for mark in ("<%", "set(", "float")):
            assert value_of(f"<% {source} %>", variables) == frozen


MEMBERS = range(100_000)
BIG = {"big": [{"i": number, "s": "x"} for number in MEMBERS], "a": "<%"}


@pytest.mark.parametrize(
    "source", ["coalesce(ctx(big))", "[ctx(big)[5].s]", "let(x => ctx(big)) -> $x[7]", "ctx(big).take(3)", "[ctx(big)]"]
)
def test_data_is_not_walked_to_be_read(source: str) -> None:
    """A list of a hundred thousand is passed on without a look at its members."""
    evaluation = Evaluation(BIG_SCOPE, moment())
    YaqlExpression(source).run_by_yaql(evaluation)
    assert FIRST_MAX_COST - evaluation.fuel.left < len(MEMBERS)


BIG_SCOPE = snapshot_of(BIG)


def test_what_is_read_comes_back_uncopied() -> None:
    """The value is the one in the context, by whichever way."""
    held = BIG_SCOPE.resolve("workflow").read("big")
    for source in ("ctx(big)", "coalesce(ctx(big))", "let(x => ctx(big)) -> $x", "ctx().get(big)"):
        evaluation = Evaluation(BIG_SCOPE, moment())
        assert YaqlExpression(source).run_by_yaql(evaluation) is held
        assert YaqlExpression(source).run(evaluation) is held


HOSTILE = r"""
sequence().len()
sequence()
range(1000000000000).toList()
[1].cycle().where(false).first()
1.repeat().toList()
range(40).aggregate([$1, $1], 1)
str(range(40).aggregate([$1, $1], 1))
range(60).aggregate($1 + $1, 'ab')
range(60).aggregate($1 + $1, [1])
range(60).aggregate($1 * $1, 3)
range(60).aggregate({a => $1, b => $1}, 1)
'a' * 1000000000
1000000000 * 'a'
[1] * 1000000000
1000000000 * [1]
pow(10, 100000000)
shiftBitsLeft(1, 10000000000)
round(5, -1000000000)
('a' * 1000000).replace('a', 'b' * 1000000)
('a' * 1000000).replace('', 'b' * 1000000)
('a' * 1000000).replace({a => 'b' * 1000000})
range(100000).select('x').join('y' * 100000)
('y' * 100000).join(range(100000).select('x'))
regex('a').replace('a' * 1000000, 'b' * 100000)
regex('a').replaceBy('a' * 1000000, 'b' * 100000)
def(f, f($)) -> f(1)
def(f, f($) + f($)) -> f(1)
generate(1, $ > 0, $ + 0).last()
generateMany(1, [$, $]).where(false).first()
range(1000).selectMany(range(1000).selectMany(range(1000))).len()
range(1000000).toSet()
datetime(0).format('%1000000000d')
datetime('1' * 100000)
datetime('99999999999999999999')
let(m => range(100).memorize()) -> $m.select($m.select($m.select($m)))
int('9' * 1000000)
('a,' * 3000000).split(',').len()
('a' * 3000000).toCharArray()
call(range, [100000000000], {}).len()
zip(sequence(), [1])
sequence().skipWhile(true).first()
sequence().splitWhere(false)
sequence().orderBy($).first()
jsonpath_query(range(1000).select({a => 1}).toList(), '$..*..*..a')
""".strip().split("\n")


@pytest.mark.parametrize("source", HOSTILE)
def test_what_would_not_end_ends_with_an_error(source: str) -> None:
    """Endless iterators, huge numbers, texts and lists, values that stand for more than there is room for."""
    soon = Moment(0.0, "seed", limits=ExpressionLimits(max_cost=500_000))
    with pytest.raises(ExpressionError):
        compiled(f"<% {source} %>").evaluate(snapshot_of(), soon)


@pytest.mark.parametrize("source", [r"('a' * 100000) =~ '(a+)+$b'", "regex('(x+x+)+y').matches('x' * 100000)"])
def test_regular_expressions_do_not_backtrack(source: str) -> None:
    """Python's would take longer than there is time."""
    assert value_of(f"<% {source} %>") is False


def test_what_would_go_another_way_in_a_replay_is_refused() -> None:
    """It says why."""
    assert "is not available" in error_of("<% localtz() %>")


def test_random_numbers_are_of_the_range() -> None:
    """`random()` is from 0 to 1, and `random(a, b)` an integer with both ends, as in YAQL."""
    drawn = value_of("<% range(0, 200).select(random(1, 6)) %>")
    assert set(drawn) == {1, 2, 3, 4, 5, 6}
    between = value_of("<% range(0, 50).select(random()) %>")
    assert all(0 <= each < 1 for each in between)
    assert len(set(between)) == 50
    assert value_of("<% random(3, 3) %>") == 3
    assert "a range that is not empty" in error_of("<% random(2, 1) %>")
    assert "takes integers" in error_of("<% random(a, b) %>")


def test_the_time_is_that_of_the_moment() -> None:
    """`now()` is when the event was, and a date without a year is of that year."""
    assert value_of("<% now() %>") == "2020-01-02 03:04:05+00:00"
    assert value_of("<% now().year %>") == 2020
    assert value_of("<% datetime('5 March').year %>") == 2020


def test_sets_keep_the_order_of_their_members() -> None:
    """Python's order of texts changes from process to process."""
    names = [f"n{number}" for number in range(50)]
    assert value_of("<% ctx(n).toSet() %>", {"n": names}) == names
    assert value_of("<% ctx(n).toSet().add(x, y).remove(n3) %>", {"n": names[:5]}) == ["n0", "n1", "n2", "n4", "x", "y"]
    assert value_of("<% set(b, a).difference(set(b)).union(set(c, a)) %>") == ["a", "c"]
    assert value_of("<% set(b, a).symmetricDifference(set(b, d)) %>") == ["a", "d"]
    assert value_of("<% set(b, a).intersect(set(a)) %>") == ["a"]
    assert value_of("<% characters(digits => true) %>") == list("0123456789")


@pytest.mark.parametrize("source", ["let(a => 1)", "regex(a)", "str(let(a => 1))", "str(range(3))"])
def test_what_is_no_data_is_an_error(source: str) -> None:
    """A context, a pattern, an iterator's text (which is an address)."""
    assert "0x" not in error_of(f"<% {source} %>")


def test_any_thread_may_compile_and_run() -> None:
    """The package's lexer and parser keep their place in themselves; ours are copies."""
    sources = [f"[{', '.join(map(str, range(size)))}].sum() + {size}" for size in range(2, 40)]
    expected = [sum(range(size)) + size for size in range(2, 40)]
    found: list[list[Any]] = []

    def compile_all() -> None:
        found.append([YaqlExpression(each).run(Evaluation(snapshot_of({}), moment())) for each in sources])

    threads = [threading.Thread(target=compile_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


@given(JSON, JSON)
@SOME
def test_views_equal_hash_and_print_as_what_they_stand_for(one: Any, other: Any) -> None:
    """A list is a tuple, an object YAQL's mapping, all the way down."""
    for value in ([one, other], {"a": one, "b": other}):
        shown, converted = view(freeze(value)), utils.convert_input_data(value)
        assert shown == converted
        assert converted == shown
        assert hash(shown) == hash(converted)
        assert repr(shown) == repr(converted)
        assert len(shown) == len(converted)
        assert list(shown) == list(converted)
        assert shown == view(freeze(value))
    assert (view(freeze([one])) == view(freeze([other]))) == (freeze([one]) == freeze([other]))


def test_views_add_and_repeat_as_tuples() -> None:
    """YAQL's functions put lists together with operators."""
    shown = ListView(frozen_list([1, 2]))
    assert (shown + (3,), (0,) + shown, shown * 2, shown[:1]) == ((1, 2, 3), (0, 1, 2), (1, 2, 1, 2), (1,))  # noqa: RUF005
    assert isinstance(view(freeze([{}]))[0], ObjectView)


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
@SOME
def test_an_ordered_set_is_a_set(one: list[int], other: list[int]) -> None:
    """It has the members and the relations that a set has."""
    left, right = OrderedSet(one), OrderedSet(other)
    assert set(left.union(right)) == set(one) | set(other)
    assert set(left.intersection(right)) == set(one) & set(other)
    assert set(left.difference(right)) == set(one) - set(other)
    assert set(left.symmetric_difference(right)) == set(one) ^ set(other)
    assert (left == right) == (set(one) == set(other))
    assert (left <= right) == (set(one) <= set(other))
    assert hash(left) == hash(frozenset(one))


@pytest.mark.parametrize(
    ("source", "units"),
    [
        ("ctx(l).groupBy($.a).len()", 130),
        ("ctx(l).select($.a).max()", 380),
        ("ctx(l).a.len()", 380),
        ("ctx(l).select($.a).toSet().len()", 75),
        ("str(ctx(l)).len()", 20),
        ("to_json_string(ctx(l)).len()", 5),
    ],
)
def test_a_member_costs_what_it_takes(source: str, units: int) -> None:
    """A unit is about 0.1 us: five million must not take much more than half a second, whatever uses them."""
    spent = []
    for count in (1_000, 2_000):
        counted = moment()
        scope = snapshot_of({"l": [{"a": number} for number in range(1_000, 1_000 + count)]})
        compiled(f"<% {source} %>").evaluate(scope, counted)
        spent.append(counted.spent())
    assert spent[1] - spent[0] >= 1_000 * units
