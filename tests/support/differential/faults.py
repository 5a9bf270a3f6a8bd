"""Makes a sound definition invalid, in each of the ways that inspection knows."""

import re
from collections.abc import Callable

from tests.support.differential.dice import Dice
from tests.support.differential.flows import Definition

Fault = Callable[[Dice, Definition], None]


def break_definition(dice: Dice, definition: Definition) -> None:
    """Put one fault, now and then two, into `definition`."""
    count = 2 if dice.chance(0.2) else 1
    kinds = (_SYNTAX, _SYNTAX, _SEMANTICS, _EXPRESSIONS, _CONTEXT)
    faults = [dice.pick(dice.pick(kinds)) for _ in range(count)]
    for fault in sorted(faults, key=_LEAVES_NO_PLACE.__contains__):
        fault(dice, definition)


def break_text(dice: Dice, text: str) -> str:
    """Return `text` so that it does not load as a definition."""
    first = re.search(r"^  (\w+):", text[text.index("\ntasks:") :], re.MULTILINE)
    name = first.group(1) if first else "a"
    return dice.pick(
        (
            text + "    bad: [unclosed\n",
            text.replace("\ntasks:\n", f"\ntasks:\n  {name}:\n    action: core.noop\n", 1),
            text.replace("\ntasks:\n", "\ntasks:\n  nothing:\n", 1),
            text.replace("\ntasks:\n", "\ntasks:\n  two-words:\n    action: core.noop\n", 1),
        )
    )


def _task(dice: Dice, definition: Definition) -> Definition:
    task: Definition = definition["tasks"][dice.pick(list(definition["tasks"]))]
    return task


def _transition(dice: Dice, definition: Definition) -> Definition:
    """Return a new transition of some task: an own one would hide faults of the others."""
    transition: Definition = {}
    _task(dice, definition).setdefault("next", []).append(transition)
    return transition


def _unknown_key(dice: Dice, definition: Definition) -> None:
    dice.pick((definition, _task(dice, definition)))["descripton"] = "a slip"


def _vars_as_map(_: Dice, definition: Definition) -> None:
    definition["vars"] = {"s": 1, "n": 2}


def _bad_join(dice: Dice, definition: Definition) -> None:
    _task(dice, definition)["join"] = dice.pick(("some", -1, "<% ctx(n) %>"))


def _retry_without_count(dice: Dice, definition: Definition) -> None:
    _task(dice, definition)["retry"] = {"delay": 1}


def _boolean_when(dice: Dice, definition: Definition) -> None:
    _transition(dice, definition).update(when=True, do="noop")


def _double_publish(dice: Dice, definition: Definition) -> None:
    _transition(dice, definition)["publish"] = dice.pick(([{"s": 1}, {"s": 1}], [{"s": 1, "n": 2}], {"s": 1}))


def _literal_with(dice: Dice, definition: Definition) -> None:
    _task(dice, definition).update({"with": {"items": [1, 2]}, "action": "core.noop"})


def _no_tasks(_: Dice, definition: Definition) -> None:
    definition["tasks"] = {}


def _undefined_target(dice: Dice, definition: Definition) -> None:
    _transition(dice, definition)["do"] = "nowhere_defined"


def _reserved_name(dice: Dice, definition: Definition) -> None:
    definition["tasks"][dice.pick(("fail", "noop", "continue", "retry"))] = {"action": "core.noop"}


def _no_start(dice: Dice, definition: Definition) -> None:
    tasks = definition["tasks"]
    last = list(tasks)[-1]
    tasks[last].setdefault("next", []).append({"do": list(tasks)})


def _items_without_action(_: Dice, definition: Definition) -> None:
    definition["tasks"]["itemless"] = {"with": "<% ctx(xs) %>"}


def _join_across_splits(_: Dice, definition: Definition) -> None:
    definition["tasks"] |= {
        "u1": {"action": "core.noop", "next": [{"do": "u2, u3, u5"}]},
        "u2": {"action": "core.noop", "next": [{"do": "u4"}]},
        "u3": {"action": "core.noop", "next": [{"do": "u4"}]},
        "u4": {"action": "core.noop", "next": [{"do": "u5"}]},
        "u5": {"join": "all", "action": "core.noop"},
    }


def _unparsable(dice: Dice, definition: Definition) -> None:
    text = dice.pick(("<% ctx(s %>", "<% 1 + %>", "{{ ctx('s' }}", "{% if true %}open", "<% ctx(s) %> {{ ctx('n') }}"))
    place = dice.below(4)
    if place == 0:
        _task(dice, definition).update(action="core.echo", input={"message": text})
    elif place == 1:
        _transition(dice, definition).update(when=text, do="noop")
    elif place == 2:
        _transition(dice, definition)["publish"] = [{"s": text}]
    else:
        definition.setdefault("output", []).append({"unparsable": text})


def _unknown_variable(dice: Dice, definition: Definition) -> None:
    text = dice.pick(("<% ctx(unheard) %>", "<% ctx().unheard %>", "{{ ctx('unheard') }}", "<% ctx(__state) %>"))
    place = dice.below(5)
    if place == 0:
        _task(dice, definition).update(action="core.echo", input={"message": text})
    elif place == 1:
        _transition(dice, definition).update(when=text, do="noop")
    elif place == 2:
        _transition(dice, definition)["publish"] = [{"s": text}]
    elif place == 3:
        definition.setdefault("vars", []).append({"early": text})
    else:
        definition.setdefault("output", []).append({"missing": text})


def _variable_of_another_branch(_: Dice, definition: Definition) -> None:
    definition["tasks"] |= {
        "v1": {"action": "core.noop", "next": [{"publish": [{"theirs": 1}], "do": "v2"}]},
        "v2": {"action": "core.echo message=<% ctx(theirs) %>"},
        "v3": {"action": "core.echo message=<% ctx(theirs) %>"},
    }


_SYNTAX: tuple[Fault, ...] = (
    _unknown_key,
    _vars_as_map,
    _bad_join,
    _retry_without_count,
    _boolean_when,
    _double_publish,
    _literal_with,
    _no_tasks,
)
_SEMANTICS: tuple[Fault, ...] = (
    _undefined_target,
    _reserved_name,
    _no_start,
    _items_without_action,
    _join_across_splits,
)
_EXPRESSIONS: tuple[Fault, ...] = (_unparsable,)
_CONTEXT: tuple[Fault, ...] = (_unknown_variable, _unknown_variable, _variable_of_another_branch)

# The other faults need the parts that these replace, so these come last.
_LEAVES_NO_PLACE: tuple[Fault, ...] = (_vars_as_map, _no_tasks)
