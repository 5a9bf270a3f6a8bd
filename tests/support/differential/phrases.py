"""Expressions and values of generated workflows, in both languages.

Every workflow declares the same few variables, so that any expression may stand in any task:
`s` a text, `n` a counter, `flag` a boolean, `m` a map, `xs` a list, `ys` a list, `pairs` a list of lists, `act` a name.
"""

from typing import Any

from tests.support.differential.dice import Dice

RESULTS: tuple[Any, ...] = (
    "go",
    "stop",
    0,
    7,
    None,
    True,
    [],
    ["p", "q"],
    {"k": 1},
    {"k": "go", "deep": {"x": [1, 2]}},
)
_SCALARS = ("s", "n", "flag")
_ALL = ("s", "n", "flag", "m", "xs", "ys")


def variable(dice: Dice, name: str) -> str:
    """Return one of the ways to write the variable `name`, as an expression of its own."""
    return dice.weigh(
        [
            (5, f"<% ctx({name}) %>"),
            (3, f"<% ctx().{name} %>"),
            (1, f"<% ctx('{name}') %>"),
            (1, f"<% ctx().get({name}) %>"),
            (3, f"{{{{ ctx('{name}') }}}}"),
            (2, f"{{{{ ctx().{name} }}}}"),
        ]
    )


def value(dice: Dice) -> Any:
    """Return what an action gets as input, or a variable as its value."""
    return dice.weigh(
        [
            (4, variable(dice, dice.pick(_ALL))),
            (3, dice.pick(("one", "two", 3, 4.5, True, None, [1, "x"], {"k": {"y": 2}}))),
            (2, _text(dice)),
            (2, _computed(dice)),
            (1, {dice.pick(("k", "z")): variable(dice, dice.pick(_ALL)), "fixed": [variable(dice, "s"), 1]}),
        ]
    )


def text_value(dice: Dice) -> str:
    """Return an expression, or a text with expressions in it."""
    return dice.weigh([(3, variable(dice, dice.pick(_ALL))), (2, _text(dice)), (2, _computed(dice))])


def _text(dice: Dice) -> str:
    """Return a text of one language: two in one string are an error of inspection."""
    name, other = dice.pick(_SCALARS), dice.pick((*_SCALARS, "xs"))
    if dice.chance(0.5):
        first, second, third = f"<% ctx({name}) %>", f"<% ctx().{other} %>", "<% ctx(n) + 1 %>"
    else:
        first, second, third = f"{{{{ ctx('{name}') }}}}", f"{{{{ ctx().{other} }}}}", "{{ ctx('n') + 1 }}"
    return dice.pick((f"got {first}", f"{first}/{second}", f" {first}", f"{first} and {third}"))


def _computed(dice: Dice) -> str:
    return dice.pick(
        (
            "<% ctx(n) + 1 %>",
            "<% ctx(xs).len() %>",
            "<% ctx(m).get(k, none) %>",
            "<% ctx(xs).where($ != b) %>",
            "<% dict(a => ctx(n), b => ctx(s)) %>",
            "<% [ctx(s), ctx(n)] %>",
            "<% zip(ctx(xs), ctx(ys)) %>",
            "<% zip(ctx(xs), ctx(ys), pad => 0) %>",
            "<% json('{\"j\": [1, 2]}') %>",
            "<% switch(ctx(n) > 1 => many, true => few) %>",
            "<% ctx().get(nowhere, fallback) %>",
            "{{ ctx('n') + 1 }}",
            "{{ ctx('xs') | length }}",
            "{{ ctx('s') | upper }}",
            "{{ ctx('m').get('k', 'none') }}",
            "{{ ctx().get('nowhere') | default('fallback', true) }}",
            "{{ zip(ctx('xs'), ctx('ys')) | list }}",
            "{% raw %}{{ ctx('s') }}{% endraw %} is {{ ctx('s') }}",
            "{{ range(ctx('n') + 2) | list }}",
            "{{ json(ctx('m')) }}",
            "{% if ctx('n') > 1 %}many{% else %}few{% endif %}",
            "{% for x in ctx('xs') %}[{{ x }}]{% endfor %}",
        )
    )


def broken(dice: Dice) -> str:
    """Return an expression that passes inspection and fails when it is evaluated."""
    return dice.pick(
        (
            "<% 1 / 0 %>",
            "<% no_such_function(1) %>",
            "<% ctx().get(s).a.b %>",
            "<% json('{') %>",
            "<% json(ctx(m)) %>",
            "text <% int(abc) %>",
            "{{ ctx().get('nowhere').deeper.still }}",
            "{{ 1 / 0 }}",
            "{{ ctx('s') | no_such_filter }}",
        )
    )


def condition(dice: Dice, tasks: list[str]) -> str:
    """Return a `when` that does not look only at success or failure."""
    other = dice.pick(tasks)
    return dice.pick(
        (
            "<% succeeded() and ctx(flag) %>",
            "<% succeeded() and result() = go %>",
            "<% result() = go or ctx(n) > 0 %>",
            "<% ctx(n) < 2 %>",
            "<% not ctx(flag) %>",
            "<% ctx(s) %>",
            "<% failed() and ctx(n) = 0 %>",
            "<% completed() %>",
            f"<% task_status({other}) = succeeded %>",
            f"{{{{ task_status('{other}') == 'failed' }}}}",
            "{{ ctx('n') > 0 }}",
            "{{ result() == 'go' }}",
            "{{ succeeded() and ctx('flag') }}",
            "{{ result() is mapping }}",
            "{{ result() | default(false, true) }}",
            "always",
        )
    )


def outcome_condition(dice: Dice, outcome: str) -> str:
    """Return a `when` that asks for `outcome`: succeeded, failed or completed."""
    return dice.weigh([(3, f"<% {outcome}() %>"), (1, f"{{{{ {outcome}() }}}}")])


def published(dice: Dice, name: str) -> Any:
    """Return a value for the variable `name`, of the kind that it is declared with."""
    if name == "n":
        return dice.weigh([(3, "<% ctx(n) + 1 %>"), (1, "{{ ctx('n') + 1 }}"), (1, dice.below(4))])
    if name == "flag":
        return dice.pick((True, False, "<% not ctx(flag) %>", "<% succeeded() %>", "{{ failed() }}"))
    if name == "m":
        return dice.pick(
            (
                {"k": dice.below(9)},
                {"deep": {dice.pick(("x", "y")): dice.below(9)}},
                {"deep": 5},
                "<% dict(z => ctx(n)) %>",
                {"deep": {"w": "<% ctx(s) %>"}},
                "{{ {'j': ctx('n')} }}",
            )
        )
    if name in {"xs", "ys"}:
        return dice.pick((["u", "v"], [], "<% ctx(xs) + list(w) %>", "{{ ctx('ys') + ['e'] }}", [1]))
    return dice.weigh(
        [
            (3, "<% result() %>"),
            (1, "{{ result() }}"),
            (3, text_value(dice)),
            (3, dice.pick(("A", "B", "C"))),
            (1, "r=<% result() %>"),
        ]
    )


def inline_published(dice: Dice, name: str) -> str:
    """Return the same as `published` for the one-line form."""
    if name == "n":
        return dice.pick(("<% ctx(n) + 1 %>", "{{ ctx('n') + 1 }}", "3"))
    if name == "flag":
        return dice.pick(("true", "False", "<% failed() %>"))
    if name == "m":
        return dice.pick(("<% dict(z => ctx(n)) %>", '\'{"deep": {"q": 1}}\''))
    if name in {"xs", "ys"}:
        return dice.pick(('["u", 2]', "<% ctx(xs) %>", "[]"))
    return dice.pick(("<% result() %>", '"in line"', "'quoted'", "null", "1.5", "{{ result() }}", "bare"))
