"""The decision whether a rule answers an event, and the inputs of the run that it then starts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, cast

from stretto.definitions.context import NO_ENVIRONMENT, KeySource, Mask, ReadKey, RunEnvironment, RunKeys
from stretto.definitions.data import FrozenDict, object_of
from stretto.definitions.errors import StrettoError
from stretto.definitions.expressions import DEFAULT_LIMITS, ExpressionLimits, Moment
from stretto.definitions.rules.event import Event
from stretto.definitions.rules.rule import Rule
from stretto.definitions.rules.scope import EventScope


def no_key(place: str, _at: float) -> ReadKey:
    """Return that there is no such key."""
    return ReadKey(place, 0)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The keys and the configuration that rules read, besides the event.

    Attributes:
        keys: Reads a key of the key-value store.
        environment_of: Returns the keystore and the configuration that a rule sees.
        limits: The limits on its expressions.
    """

    keys: KeySource = no_key
    environment_of: Callable[[Rule], RunEnvironment] = lambda _rule: NO_ENVIRONMENT
    limits: ExpressionLimits = DEFAULT_LIMITS


NO_SURROUNDINGS = Surroundings()


MAX_MATCH_UNITS: Final = 20_000_000
"""Units of work of all rules that one event is matched with: about 2 s. The sender waits for the last of them.

The rule that goes beyond it has what one evaluation may use. The rules after it are not asked.
"""


class Spending:
    """The work of the rules that one event has been matched with so far.

    Attributes:
        units: The units of work of their expressions.
    """

    __slots__ = ("units",)

    def __init__(self, units: int = 0) -> None:
        self.units = units


RULE_REF: Final = "rule_ref"
"""The parameter of an event that names the one rule of Attune's that it is for."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The inputs of the run that a rule starts, or why there are none.

    Attributes:
        inputs: The inputs, or None after an error.
        secret: Whether they contain secrets.
        error: Why they cannot be rendered, masked, or None.
        shown: The inputs for people, masked.
    """

    inputs: FrozenDict | None
    secret: bool = False
    error: str | None = None
    shown: FrozenDict | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of one criterion for one event.

    Attributes:
        text: The criterion.
        line: Its line in the rule's file.
        held: Whether the event meets it.
        problem: Why it cannot be evaluated, or "".
        found: What the event has there, or "".
    """

    text: str
    line: int
    held: bool
    problem: str = ""
    found: str = ""


def answers(
    rule: Rule, event: Event, surroundings: Surroundings = NO_SURROUNDINGS, spending: Spending | None = None
) -> bool:  # fmt: skip
    """Return whether a rule answers an event. A criterion that cannot be evaluated is not met.

    Args:
        rule: The rule.
        event: The event, of the type that the rule listens to.
        surroundings: What the rule reads beside it.
        spending: Takes the work that this needs.
    """
    if not has_parameters(rule, event):
        return False
    if not rule.criteria:
        return True
    scope, moment, _mask = _evaluation(rule, event, surroundings)
    try:
        return all(criterion.holds(scope, moment) for criterion in rule.criteria)
    except StrettoError:
        return False
    finally:
        if spending is not None:
            spending.units += moment.spent()


def has_parameters(rule: Rule, event: Event) -> bool:
    """Return whether an event has all parameters of the trigger that a rule asks for.

    A sensor of Attune's may name the one rule of Attune's that an event is for.
    """
    given = event.parameters
    if given and rule.dialect == "attune" and given.get(RULE_REF, rule.ref) != rule.ref:
        return False
    return all(name in given and given[name] == value for name, value in rule.wanted.items())


def judge(rule: Rule, event: Event, surroundings: Surroundings = NO_SURROUNDINGS) -> list[Judgement]:
    """Return what becomes of each criterion of a rule, for people. See `answers`."""
    return list(_judged(rule, event, surroundings))


def _judged(rule: Rule, event: Event, surroundings: Surroundings) -> Iterable[Judgement]:
    scope, moment, mask = _evaluation(rule, event, surroundings)
    line = rule.place.line
    yield Judgement(f"event {rule.event}", line, rule.event == event.type, found=event.type)
    if rule.dialect == "attune" and RULE_REF in event.parameters:
        named = event.parameters[RULE_REF]
        yield Judgement(f"{RULE_REF} = {rule.ref!r}", line, named == rule.ref, found=repr(named))
    for name, value in rule.wanted.items():
        held = name in event.parameters and event.parameters[name] == value
        yield Judgement(f"{name} = {value!r}", line, held, found=repr(event.parameters.get(name)))
    for criterion in rule.criteria:
        try:
            held = criterion.holds(scope, moment)
            yield Judgement(criterion.text, criterion.place.line, held, found=mask.text(criterion.found(scope)))
        except StrettoError as error:
            yield Judgement(criterion.text, criterion.place.line, held=False, problem=mask.text(str(error)))


def render(
    rule: Rule, event: Event, surroundings: Surroundings = NO_SURROUNDINGS, spending: Spending | None = None
) -> Rendered:  # fmt: skip
    """Return the inputs of the run with which a rule answers an event. See `answers`."""
    scope, moment, mask = _evaluation(rule, event, surroundings)
    try:
        inputs = object_of({name: template.evaluate(scope, moment) for name, template in rule.inputs.items()})
    except StrettoError as error:
        return Rendered(None, error=mask.text(str(error)))
    finally:
        if spending is not None:
            spending.units += moment.spent()
    secret = event.secret or bool(mask.seen_count)
    return Rendered(inputs, secret, shown=cast("FrozenDict", mask.data(inputs)) if secret else inputs)


def _evaluation(rule: Rule, event: Event, surroundings: Surroundings) -> tuple[EventScope, Moment, Mask]:
    environment = surroundings.environment_of(rule)
    mask = Mask(base=environment.mask) if environment.mask else Mask()
    keys = RunKeys(surroundings.keys, mask)
    keys.replaying = False
    moment = Moment(event.at, event.id, rule.ref, limits=surroundings.limits, keys=keys)
    return EventScope(event, rule.dialect, environment, mask), moment, mask
