"""Texts of Orquesta's definitions: whole expressions and mixed texts, evaluated again, raw, given as inputs."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given

from stretto.definitions import freeze
from stretto.definitions.context import RunFacts, Snapshot
from stretto.definitions.data.frozen import EMPTY_OBJECT
from stretto.definitions.expressions import ABSENT, Constant, Namespace, Read
from stretto.definitions.expressions.base.guarding import GuardedNamespace, GuardedValue, Source
from stretto.definitions.expressions.orquesta import Expression, Given, KeyedTemplate, Text
from stretto.definitions.expressions.orquesta.evaluation import MAX_REPETITIONS
from tests.support.evaluating import JSON, SOME, snapshot_of
from tests.support.evaluating_orquesta import (
    PLACE,
    compiled,
    completed,
    error_of,
    findings_in,
    moment,
    value_of,
    with_item,
)


@pytest.mark.parametrize("value", [None, True, 5, 1.5, "text", [1, [2]], {"k": {"z": None}}])
@pytest.mark.parametrize("text", ["<% ctx(v) %>", "{{ ctx('v') }}", "<% ctx().v %>", "{{ ctx().v }}", "{{ctx().v}}"])
def test_a_whole_expression_keeps_the_type(text: str, value: Any) -> None:
    """The value comes back as it is, of whatever type; nothing is copied."""
    assert value_of(text, {"v": value}) == value
    assert type(value_of(text, {"v": value})) is type(freeze(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (1.0, "1.0"),
        ([1, [2]], "[1, [2]]"),
        ({"k": 1, "l": [None, "it's"]}, "{'k': 1, 'l': [None, \"it's\"]}"),
        ("a", "a"),
    ],
)
@pytest.mark.parametrize("pattern", ["<% ctx(v) %> ", " {{ ctx('v') }}", "a<% ctx(v) %>b", "a{{ ctx().v }}b"])
def test_with_anything_around_it_a_value_is_the_text_that_python_makes_of_it(
    pattern: str, value: Any, text: str
) -> None:
    """One blank is enough: the result is a text."""
    opened, closed = ("<%", "%>") if "<%" in pattern else ("{{", "}}")
    before, after = pattern.split(opened, maxsplit=1)[0], pattern.split(closed)[1]
    assert value_of(pattern, {"v": value}) == before + text + after


def test_several_expressions_make_a_text() -> None:
    """Two expressions side by side are a text, too."""
    assert value_of("<% ctx(a) %><% ctx(a) %>", {"a": 1}) == "11"
    assert value_of("{{ ctx('a') }}{{ ctx('a') }}", {"a": 1}) == "11"


def test_an_expression_ends_at_the_line_end() -> None:
    """Orquesta cuts by a pattern that does not go over a line's end: what does is plain text."""
    assert isinstance(compiled("<% ctx(a)\n%>"), Constant)
    assert isinstance(compiled("{{ ctx('a')\n}}"), Constant)


@pytest.mark.parametrize(
    ("text", "variables", "value"),
    [
        ("<% ctx(a) %>", {"a": "<% ctx(b) %>", "b": [1]}, [1]),
        ("<% ctx(a) %>", {"a": "x <% ctx(b) %>", "b": [1]}, "x [1]"),
        ("{{ ctx('a') }}", {"a": "{{ ctx('b') }}", "b": [1]}, [1]),
        ("{{ ctx('a') }}", {"a": "{% if 1 %}{{ ctx('b') }}{% endif %}", "b": 1}, "1"),
        ("<% ctx(a) %>", {"a": "{{ ctx('b') }}", "b": 1}, "{{ ctx('b') }}"),
        ("{{ ctx('a') }}", {"a": "<% ctx(b) %>", "b": 1}, "<% ctx(b) %>"),
        ("<% ctx(a) %>", {"a": ["<% ctx(b) %>"], "b": 1}, ["<% ctx(b) %>"]),
        ("{{ ctx('a') }}", {"a": {"k": "{{ ctx('b') }}"}, "b": 1}, {"k": "{{ ctx('b') }}"}),
    ],
)
def test_a_text_with_an_expression_of_the_same_language_is_evaluated_in_turn(
    text: str, variables: dict[str, Any], value: Any
) -> None:
    """Only at the top, and only in the language of the expression that gave it."""
    assert value_of(text, variables) == value


def test_a_value_that_leads_to_itself_is_an_error() -> None:
    """However it goes round, it ends."""
    assert f"{MAX_REPETITIONS} times in a row" in error_of("<% ctx(a) %>", {"a": "<% ctx(a) %>"})
    assert f"{MAX_REPETITIONS} times in a row" in error_of(
        "{{ ctx('a') }}", {"a": "{{ ctx('b') }}", "b": "{{ ctx('a') }}"}
    )


def test_a_value_that_doubles_itself_runs_out_of_fuel() -> None:
    """Twenty levels of two expressions each would be a million evaluations."""
    variables = {f"v{n}": f"<% ctx(v{n + 1}) %><% ctx(v{n + 1}) %>" for n in range(MAX_REPETITIONS - 1)}
    assert "max_cost" in error_of("<% ctx(v0) %>", {**variables, f"v{MAX_REPETITIONS - 1}": "x"})


def test_a_text_given_that_cannot_be_read_is_an_error_of_the_expression() -> None:
    """The error contains the reason."""
    assert "an invalid expression itself" in error_of("<% ctx(a) %>", {"a": "<% 1 + %>"})


def test_an_expression_deep_in_a_value_is_unresolved_in_a_jinja_text() -> None:
    """Orquesta refuses a text in which an expression is left."""
    assert "unresolved" in error_of("x{{ ctx('a') }}", {"a": ["{{ ctx('b') }}"], "b": 1})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{% if ctx('a') > 1 %}many{% else %}few{% endif %}", "many"),
        ("{% for x in ctx('l') %}{{ x }},{% endfor %}", "1,None,"),
        ("{% if 1 %}\na\n{% endif %}\n", "a\n"),
        ("{% set x = ctx('a') + 1 %}{{ x }}", "4"),
        ("{% set x %}{{ ctx('l') }}{% endset %}{{ x }}!", "[1, None]!"),
        ("{% macro f(n) %}<{{ n }}>{% endmacro %}{{ f(1) }}{{ f(none) }}", "<1><None>"),
        ("{% filter upper %}{{ ctx('b') }}{% endfilter %}", "TEXT"),
        ("{% with x = 2 %}{{ x * 2 }}{% endwith %}", "4"),
        ("{% set x = [] %}{% for i in range(3) %}{% set _ = x.append(i) %}{% endfor %}{{ x }}", "[0, 1, 2]"),
    ],
)
def test_a_text_with_statements_is_rendered_to_a_text(text: str, value: str) -> None:
    """Values become text as Python has it; blocks are trimmed as Orquesta's environment trims them."""
    assert value_of(text, {"a": 3, "l": [1, None], "b": "text"}) == value


def test_what_statements_give_is_evaluated_once_more() -> None:
    """A text that a block gave may hold an expression."""
    assert value_of("{% if 1 %}{{ ctx('a') }}{% endif %}", {"a": "{{ ctx('b') }}", "b": 5}) == 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("a {% raw %}{{ x }}{% endraw %} {{ ctx('a') }}", "a {{ x }} 3"),
        ("{{ ctx('a') }}{% raw %}{% if %}{% endraw %}{{ ctx('a') }}", "3{% if %}3"),
        ("{% if 1 %}{% raw %}{{ x }}{% endraw %}{% endif %}", "{{ x }}"),
    ],
)
def test_raw_blocks_are_kept_as_they_are(text: str, value: str) -> None:
    """Nothing in them is evaluated."""
    assert value_of(text, {"a": 3}) == value


def test_both_languages_in_one_text_are_a_finding() -> None:
    """Their order would be ambiguous."""
    assert [each.code for each in findings_in("<% ctx(a) %> {{ ctx('a') }}")] == ["mixed_languages"]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("<% 1 + %>", 1),
        ("abc <% ctx( %>", 5),
        ("{{ 1 + }}", 1),
        ("a {{ ctx('a') }} {{ * }}", 1),
        ("<%%>", 1),
        ("{{}}", 1),
    ],
)
def test_an_expression_that_cannot_be_read_is_a_finding(text: str, column: int) -> None:
    """It is found when the definition is loaded, and the place is that of the expression, where it is known."""
    (finding,) = findings_in(text)
    assert finding.code == "expression_syntax"
    assert finding.place.column == column


@pytest.mark.parametrize("text", ["{{ ctx('a') | nope }}", "{{ ctx('a') is nope }}", "<% nope(1) %>", "{{ nope(1) }}"])
def test_unknown_names_are_reported_on_evaluation(text: str) -> None:
    """As Orquesta does: it may never be."""
    assert "nope" in error_of(text, {"a": 1})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<% ctx(naem) %>", "no variable 'naem' in the context; did you mean 'name'?"),
        ("{{ ctx('naem') }}", "did you mean 'name'?"),
        ("{{ ctx().naem }}", "did you mean 'name'?"),
        ("{{ ctx(name) }}", "'name' is not known here"),
        ("<% ctx().naem %>", "there is no key 'naem'; did you mean 'name'?"),
        ("<% ctx().zzz %>", "there is no key 'zzz'; there are: "),
        ("<% ctx(result).stdot %>", "there is no key 'stdot'; did you mean 'stdout'?"),
        ("<% ctx(result)['stdot'] %>", "there is no key 'stdot'; did you mean 'stdout'?"),
        ("<% list(ctx(result)).select($.stdot) %>", "there is no key 'stdot'; did you mean 'stdout'?"),
        ("<% ctx(result).get(stdot).x %>", "there is no field 'x'"),
        ("<% ctx(name).x %>", "there is no field 'x', because the value is not an object"),
        ("<% ctx(name) + 1 %>", "the operator + does not take values of these types"),
        ("<% ctx(name).foo() %>", "there is no method foo()"),
        ("<% result() %>", "result() refers to the current task"),
        ("{{ succeeded() }}", "succeeded() refers to the current task"),
        ("<% st2kv('system.x') %>", "there is no key 'system.x'"),
        ("{{ ctx('name').append(1) }}", "'append'"),
        ("{{ ctx('l').append(1) }}", "build a new value"),
    ],
)
def test_errors_tell_what_is_wrong_and_where(text: str, said: str) -> None:
    """The file, the place, the expression, and what would be right."""
    error = error_of(f"ab {text}", {"name": "n", "l": [1], "result": {"stdout": "x"}})
    assert said in error
    assert error.startswith("test.yaml:1:4: ")


def test_functions_of_the_task_at_hand() -> None:
    """They speak of the task that has completed, in both languages."""
    for outcome, words in {
        "succeeded": (True, False, True),
        "failed": (False, True, True),
        "timed_out": (False, False, True),
        "abandoned": (False, False, True),
        "cancelled": (False, False, True),
        "": (False, False, False),
    }.items():
        scope = completed(outcome, {"k": [1]})
        for opened, closed in (("<%", "%>"), ("{{", "}}")):
            asked = [
                value_of(f"{opened} {name}() {closed}", scope=scope) for name in ("succeeded", "failed", "completed")
            ]
            assert tuple(asked) == words
            assert value_of(f"{opened} result().k {closed}", scope=scope) == [1]


def test_functions_of_the_item_at_hand() -> None:
    """An item is read whole or by field; where there is none, it is null."""
    scope = with_item({"host": "a", "port": 1})
    for text in ("<% item().host %>", "<% item(host) %>", "{{ item().host }}", "{{ item('host') }}"):
        assert value_of(text, scope=scope) == "a"
    assert value_of("<% item() %>", {}) is None
    assert value_of("{{ item() }}", {}) is None
    assert "no field 'hsot'; did you mean 'host'?" in error_of("{{ item('hsot') }}", scope=scope)
    assert "the item is of type string" in error_of("<% item(host) %>", scope=with_item("a"))


class Statuses:
    """Visits of a run, of which only the statuses are known."""

    def status_of(self, task: str, route: int) -> str | None:
        """Return the status of a visit."""
        return {("a", 0): "timed_out", ("b", 2): "cancelled", ("c", 0): "succeeded"}.get((task, route))

    def execution_of(self, _task: str, _route: int, _run_id: str) -> None:
        """Return None."""


def test_the_status_of_a_task_is_in_orquestas_terms() -> None:
    """Which route is asked for is handed on."""
    facts = RunFacts(EMPTY_OBJECT, EMPTY_OBJECT, (), visits=Statuses())
    scope = Snapshot(0, facts, snapshot_of({}).variables, snapshot_of({}).tasks)
    assert value_of("<% task_status(a) %>", scope=scope) == "timeout"
    assert value_of("{{ task_status('b', 2) }}", scope=scope) == "canceled"
    assert value_of("{{ task_status('b', route=0) }}", scope=scope) == "null"
    assert value_of("<% task_status(c) = succeeded %>", scope=scope) is True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<% zip(ctx(a), ctx(b)) %>", [[1, "x"], [2, None]]),
        ("{{ zip(ctx('a'), ctx('b'), pad='-') }}", [[1, "x"], [2, "-"]]),
        ("<% zip(ctx(a), ctx(b), pad => '-') %>", [[1, "x"], [2, "-"]]),
        ("{{ zip(ctx('a')) }}", [1, 2]),
        ("{{ zip(none, ctx('b')) }}", [[None, "x"]]),
        ("!{{ zip(ctx('a')) }}", "![1, 2]"),
        ("!{{ zip(ctx('a'), ctx('b')) }}", "![(1, 'x'), (2, None)]"),
        ("!<% zip(ctx(a), ctx(b)) %>", "![[1, 'x'], [2, None]]"),
        ("<% json(ctx(j)).k %>", [1]),
        ("{{ ctx('j') | json }}", {"k": [1]}),
        ("{{ json(ctx('o')) }}", {"p": 1}),
        ("<% ctx().get(nope, 5) %>", 5),
        ("{{ ctx().get('nope') }}", None),
        ("{{ ctx().nope | default('d') }}", "d"),
        ("{{ ctx()['a'] }}", [1, 2]),
        ("{{ ctx().keys() | sort }}", ["a", "b", "items", "j", "o"]),
        ("{{ ctx('o').items() }}", [["p", 1]]),
        ("{{ ctx().items }}", 7),
        ("<% ctx().keys().orderBy($) %>", ["a", "b", "items", "j", "o"]),
    ],
)
def test_orquestas_functions(text: str, value: Any) -> None:
    """The same in both languages."""
    assert value_of(text, {"a": [1, 2], "b": ["x"], "j": '{"k": [1]}', "o": {"p": 1}, "items": 7}) == value


def test_all_variables_at_once() -> None:
    """`ctx()` is all that is visible, without the names that Orquesta keeps for itself."""
    for text in ("<% ctx() %>", "{{ ctx() }}"):
        assert value_of(text, {"a": 1, "__b": 2}) == {"a": 1}
    assert "no variable '__b'" in error_of("{{ ctx('__b') }}", {"__b": 2})


class Reads(Mapping[str, Any]):
    """Variables that note what is read of them."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = {name: freeze(value) for name, value in members.items()}
        self.read: list[str] = []
        self.iterated = 0

    def __getitem__(self, name: str) -> Any:
        self.read.append(name)
        return self.members[name]

    def __iter__(self) -> Iterator[str]:
        self.iterated += 1
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


class ReadScope:
    """A scope over variables that note what is read."""

    def __init__(self, variables: Any, item: Any = ABSENT) -> None:
        self.variables = variables
        self.item = item

    def resolve(self, name: str) -> Any:
        """Return the variables, the item, or `ABSENT`."""
        return {"workflow": self.variables, "item": self.item}.get(name, ABSENT)

    def read_once(self, read: Read) -> tuple[Any, ...]:
        """Read without keeping the values."""
        return read(self)

    def known_names(self) -> tuple[str, ...]:
        """Return no names."""
        return ()

    def completion(self) -> None:
        """Return None."""
        return

    def task_execution(self, task: str, route: int | None) -> None:
        """Return nothing."""

    def task_status(self, task: str, route: int | None) -> None:
        """Return None."""
        return


@pytest.mark.parametrize(
    "text",
    [
        "<% ctx().x %>",
        "<% ctx(x) %>",
        "<% concat(ctx().x, '!') %>",
        "<% concat(ctx().get(x), '!') %>",
        "<% coalesce(ctx()[x], '!') %>",
        "{{ ctx().x }}",
        "{{ ctx()['x'] }}",
        "{{ ctx('x') }}",
        "{{ ctx().get('x') ~ '!' }}",
        "{% if ctx().x %}{{ ctx().x }}{% endif %}",
    ],
)
def test_an_expression_reads_what_it_names_and_nothing_else(text: str) -> None:
    """Whatever else is in the context costs nothing."""
    reads = Reads({"x": "text", **{f"v{number}": [number] for number in range(100)}})
    compiled(text).evaluate(ReadScope(Namespace("workflow", reads)), moment())
    assert set(reads.read) == {"x"}
    assert reads.iterated == 0


class Learned:
    """A source of secrets that notes what it learns."""

    def __init__(self) -> None:
        self.learned: list[Any] = []

    def learn(self, value: Any, read: Sequence[Source]) -> None:
        """Keep the value."""
        self.learned.append(value)


@pytest.mark.parametrize(
    "text",
    [
        "<% ctx(x) %>", "<% ctx().x %>", "<% concat(ctx(x), '') %>", "<% ctx().values().toList().first() %>",
        "{{ ctx('x') }}", "{{ ctx().x }}", "{{ ctx().get('x') }}", "{{ ctx().values() | first }}", "{{ ctx()['x'] }}",
        "{% if 1 %}{{ ctx('x') }}{% endif %}", "{{ ctx('x') }}{{ ctx('y') }}",
    ],
)  # fmt: skip
def test_what_comes_of_a_secret_is_learned(text: str) -> None:
    """A value that was read from a guarded name makes a secret of what the expression gives."""
    source = Learned()
    guarded = GuardedNamespace(Namespace("workflow", {"x": "hidden", "y": ""}), {"x": source})
    assert compiled(text).evaluate(ReadScope(guarded), moment()) == "hidden"
    assert set(source.learned) == {"hidden"}


def test_a_guarded_item_is_learned() -> None:
    """Items that hold secrets are opened for the evaluation."""
    for text in ("<% item().k %>", "{{ item('k') }}", "<% concat(item().k, '') %>"):
        source = Learned()
        scope = ReadScope(Namespace("workflow", {}), GuardedValue(freeze({"k": "hidden"}), source))
        assert compiled(text).evaluate(scope, moment()) == "hidden"
        assert "hidden" in source.learned


def test_an_error_after_reading_a_secret_quotes_nothing() -> None:
    """It could quote the secret, in any form."""
    for text in ("<% int(ctx(x)) %>", "{{ json(ctx('x')) }}", "<% ctx(x).foo() %>"):
        guarded = GuardedNamespace(Namespace("workflow", {"x": "hidden"}), Learned())
        error = error_of(text, scope=ReadScope(guarded))
        assert "hidden" not in error.split(" in ")[0]
        assert "secret" in error


def test_keys_are_rendered() -> None:
    """An object's keys are texts like any other; what is no text becomes one."""
    members = [(compiled("<% ctx(k) %>"), compiled("{{ ctx('v') }}")), (compiled("b"), compiled("c"))]
    template = KeyedTemplate(members, PLACE)
    assert template.evaluate(snapshot_of({"k": "a", "v": [1]}), moment()) == {"a": [1], "b": "c"}
    assert template.evaluate(snapshot_of({"k": 5, "v": 1}), moment()) == {"5": 1, "b": "c"}
    assert [each.source for each in template.expressions()] == ["ctx(k)", "ctx('v')"]


@pytest.mark.parametrize(
    ("parameters", "value"),
    [
        ({}, "d3"),
        ({"i": None}, None),
        ({"i": 5}, 5),
        ({"i": "<% ctx(a) %>"}, 3),
        ({"i": {"{{ ctx('b') }}": ["<% ctx(a) %>", "x"]}}, {"key": [3, "x"]}),
        ({"i": ["<% ctx(c) %>"]}, [3]),
    ],
)
def test_an_input_is_what_was_given_or_its_default(parameters: dict[str, Any], value: Any) -> None:
    """Null counts as given. Texts that were given are evaluated, deep down, too."""
    given_input = Given("i", compiled("d<% ctx(a) %>"), PLACE)
    scope = snapshot_of({"a": 3, "b": "key", "c": "<% ctx(a) %>"}, parameters)
    assert given_input.evaluate(scope, moment()) == value
    assert Given("i", None, PLACE).evaluate(scope, moment()) == (value if parameters else None)


@given(JSON)
@SOME
def test_an_input_without_expressions_comes_back_as_it_is(value: Any) -> None:
    """Nothing is copied."""
    frozen = freeze({"v": [value]})
    scope = snapshot_of({}, {"i": frozen})
    assert Given("i", None, PLACE).evaluate(scope, moment()) is frozen or "%" in str(value) or "{" in str(value)


def test_expressions_are_listed_with_their_source_and_place() -> None:
    """Inspection reads them from the templates."""
    template = compiled("a <% ctx(a) %> <% task_status(b) %>")
    assert isinstance(template, Text)
    sources = list(template.expressions())
    assert [each.source for each in sources] == ["ctx(a)", "task_status(b)"]
    assert [each.place.column for each in sources] == [3, 16]
    assert [each.calls for each in sources] == [{"ctx"}, {"task_status"}]
    whole = compiled("{{ ctx('a') }}")
    assert isinstance(whole, Expression)
    assert (whole.source, whole.language) == ("ctx('a')", "jinja")
    assert whole.calls == {"ctx"}


def test_yaql_is_imported_when_it_is_needed() -> None:
    """Who has no YAQL expression does not wait for it."""
    script = (
        "import sys, stretto.definitions, stretto.definitions.expressions.orquesta as orquesta\n"
        "from stretto.definitions import Place\n"
        "found = []\n"
        "place = lambda offset: Place('f', 1, 1)\n"
        "orquesta.compile_text('{{ ctx(1) }}', place, found.append)\n"
        "assert 'yaql' not in sys.modules and not found\n"
        "orquesta.compile_text('<% ctx(1) %>', place, found.append)\n"
        "print('yaql' in sys.modules)\n"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output == "True\n"
