"""The Jinja environment that compiles and runs expressions of untrusted definitions.

It is stricter than Jinja's sandbox. Only listed filters, tests, functions and methods exist. The dot reads a key first
and never a Python attribute. Operators and loops are bounded. Nothing is computed at compile time; constants fold at
run time under the same bounds.
"""

import operator
from collections.abc import Callable
from typing import Any

from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.nodes import EvalContext
from jinja2.runtime import LoopContext, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from stretto.definitions.data import FrozenDict
from stretto.definitions.errors import names_there, nearest
from stretto.definitions.expressions.arguments import check_arguments, type_name
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.charges import TEXT_METHODS, pay_for_slice
from stretto.definitions.expressions.base.namespaces import ABSENT, Readable
from stretto.definitions.expressions.base.operators import OPERATORS
from stretto.definitions.expressions.both_forms import EACH
from stretto.definitions.expressions.code_generation import ExpressionGenerator, TextGenerator
from stretto.definitions.expressions.filters import ALLOWED_TESTS, FILTERS, steps_of_a_loop
from stretto.definitions.expressions.functions import FUNCTIONS, joined
from stretto.definitions.expressions.scope import Function
from stretto.definitions.expressions.stackstorm_filters import OF_STACKSTORM

LOOP_STEPS = "the steps of a loop"
"""The name of an internal filter, which no definition can write."""

LOOP_FIELDS = frozenset(
    {
        "index",
        "index0",
        "revindex",
        "revindex0",
        "first",
        "last",
        "length",
        "depth",
        "depth0",
        "previtem",
        "nextitem",
    }
)


def _viewing(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(_fuel: Fuel, owner: Any) -> Any:
        return method(owner)

    return call


def _get(fuel: Fuel, owner: Any, key: Any, *default: Any) -> Any:
    fuel.hash(key)
    return owner.get(key, *default)


def _looking(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(fuel: Fuel, owner: Any, wanted: Any, *bounds: Any) -> Any:
        fuel.look_for(wanted, owner)
        return method(owner, wanted, *bounds)

    return call


def _joined_by(fuel: Fuel, separator: str, values: Any) -> str:
    return FUNCTIONS["join"](fuel, values, separator)  # type: ignore[no-any-return]


METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    str: {
        **{
            name: TEXT_METHODS[name]
            for name in (
                "capitalize", "count", "endswith", "find", "isalpha", "isdigit", "lower", "lstrip", "rsplit", "rstrip",
                "split", "splitlines", "startswith", "strip", "title", "upper",
            )
        },
        "join": _joined_by,
        "replace": FUNCTIONS["replace"],
    },
    dict: {**{name: _viewing(getattr(dict, name)) for name in ("keys", "values", "items")}, "get": _get},
    list: {name: _looking(getattr(list, name)) for name in ("index", "count")},
}  # fmt: skip


MUTATORS = {
    "object": frozenset({"update", "pop", "popitem", "clear", "setdefault"}),
    "array": frozenset({"append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"}),
}
"""Methods by which definitions for other engines change data."""


class UnknownName(UndefinedError):
    """A top-level name is not in scope. The evaluation adds the names that are."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class Undefined(StrictUndefined):
    """A missing name or field. Any use except `is defined` and `default` raises an error that names it."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name: object = self._undefined_name
        owner = self._undefined_obj
        if owner is missing:
            return f"{name!r} is not known here"
        if isinstance(owner, Readable):
            names = tuple(owner.names())
            hint = nearest(str(name), names) or ("" if name in names else names_there(names))
            return owner.explain_absence(str(name)) + (f"; {hint}" if hint else "")
        if name in MUTATORS.get(type_name(owner), ()):
            return f"data cannot be changed, so there is no {name!r}; build a new value with + or merge()"
        if isinstance(owner, dict):
            hint = nearest(str(name), owner) or names_there(owner)
            return f"the object has no field {name!r}" + (f"; {hint}" if hint else "")
        if isinstance(owner, list) and type(name) is int:
            return f"the list has no index {name}; it has {len(owner)} members"
        return f"a value of type {type_name(owner)} has no {name!r}"

    def _fail_with_undefined_error(self, *_args: Any, **_options: Any) -> Any:
        if self._undefined_obj is missing and not self._undefined_hint:
            raise UnknownName(self._undefined_message, str(self._undefined_name))
        raise self._undefined_exception(self._undefined_message)

    __iter__ = __str__ = __len__ = _fail_with_undefined_error
    __eq__ = __ne__ = __bool__ = __hash__ = __contains__ = _fail_with_undefined_error
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _fail_with_undefined_error
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _fail_with_undefined_error
    __mod__ = __rmod__ = __pow__ = __rpow__ = __pos__ = __neg__ = _fail_with_undefined_error
    __call__ = __getitem__ = __lt__ = __le__ = __gt__ = __ge__ = _fail_with_undefined_error
    __int__ = __float__ = __complex__ = _fail_with_undefined_error

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        self._fail_with_undefined_error()


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment. It is immutable after creation and shared by all threads."""

    intercepted_binops = frozenset(OPERATORS)
    methods = METHODS

    def __init__(self) -> None:
        super().__init__(
            undefined=Undefined, optimized=False, autoescape=False, keep_trailing_newline=True, cache_size=0
        )
        self.globals = {}
        self.filters = {**FILTERS, **OF_STACKSTORM, LOOP_STEPS: steps_of_a_loop}
        self.tests = dict(ALLOWED_TESTS)
        self.evaluation_context = EvalContext(self)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a key of an object or a name of a namespace, else a listed method."""
        # Nearly every dot reads one of these two types.
        if type(obj) is FrozenDict:
            value = obj.get(attribute, ABSENT)
        elif isinstance(obj, Readable):
            value = obj.read(attribute)
        else:
            value = self._field(obj, attribute)
        if value is not ABSENT:
            return value
        method = self.method_of(obj, attribute)
        return self.undefined(obj=obj, name=attribute) if method is None else method

    def method_of(self, obj: Any, name: str) -> "Method | None":
        """Return the listed method of a value, or None."""
        for kind, methods in self.methods.items():
            if name in methods and isinstance(obj, kind):
                return Method(obj, name, methods[name])
        return None

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return a key, an index, or a name of a namespace that is read with brackets."""
        if isinstance(obj, Readable):
            value = obj.read(argument) if isinstance(argument, str) else ABSENT
            return self.undefined(obj=obj, name=argument) if value is ABSENT else value
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)

    def item(self, context: Any, obj: Any, argument: Any) -> Any:
        """Return `obj[argument]`, and pay for the hash of a long key."""
        if type(argument) is tuple:
            context.fuel.hash(argument)
        return self.getitem(obj, argument)

    @staticmethod
    def key(context: Any, value: Any) -> Any:
        """Return a computed key of an object, and pay for its hash."""
        context.fuel.hash(value)
        return value

    @staticmethod
    def slice(context: Any, obj: Any, start: Any, stop: Any, step: Any) -> Any:
        """Return `obj[start:stop:step]`, and pay for the copy."""
        pay_for_slice(context.fuel, obj, start, stop, step)
        return obj[start:stop:step]

    @staticmethod
    def _field(obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict):
            return obj.get(attribute, ABSENT)
        if isinstance(obj, LoopContext) and attribute in LOOP_FIELDS:
            return getattr(obj, attribute)
        if isinstance(obj, tuple) and attribute in getattr(obj, "_fields", ()):
            return getattr(obj, attribute)  # the members of `groupby`, with grouper and list
        if isinstance(obj, Undefined):
            str(obj)  # raises the error for the undefined name
        return ABSENT

    def call(self, context: Any, function: Any, /, *arguments: Any, **options: Any) -> Any:
        """Call a function of the language or a listed method. Nothing else can be called."""
        options.pop("_loop_vars", None)
        if type(function) is Function:
            implementation, first = function.call, context
        elif type(function) is Method:
            implementation, first = function, context.fuel
        else:
            if isinstance(function, Undefined):
                str(function)  # raises the error for the undefined name
            raise SecurityError(f"a value of type {type_name(function)} cannot be called")
        try:
            return implementation(first, *arguments, **options)
        except TypeError:
            if type(function) is Function and function.name in FUNCTIONS:
                check_arguments(function.name, FUNCTIONS[function.name], arguments, options)
            raise

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Return `left operator right` within the evaluation's bounds."""
        return OPERATORS[operator](left, right, context.fuel)

    def concatenate(self, context: Any, parts: tuple[Any, ...]) -> str:
        """Return `a ~ b`, with values converted as between other text."""
        return joined(context.fuel, parts)

    @staticmethod
    def each(context: Any, name: str, values: Any, of_member: Callable[[Any], Any], units: int) -> list[Any]:
        """Return `map`, `select` or `reject` of a list with an expression for each member."""
        return EACH[name](context.fuel, values, of_member, units)

    def compare(self, context: Any, left: Any, comparisons: tuple[tuple[str, Callable[[], Any]], ...]) -> bool:
        """Return the value of a chain such as `a < b < c`. As in Python, operands are evaluated when needed."""
        result = True
        for name, operand in comparisons:
            right = operand()
            if type(left) not in _ATOMS or name in _MEMBERSHIPS:
                right = pay_for_comparison(context.fuel, name, left, right)
            result = COMPARISONS[name](left, right)
            if not result:
                return result
            left = right
        return result


def pay_for_comparison(fuel: Fuel, name: str, left: Any, right: Any) -> Any:
    """Pay for a comparison by Jinja's name of the operator. Returns the right operand."""
    if name in _MEMBERSHIPS:
        return fuel.look_for(left, right)
    fuel.compare(left, right, ordered=name not in _EQUALITIES)
    return right


_ATOMS = frozenset({int, float, bool, type(None)})
_MEMBERSHIPS = frozenset({"in", "notin"})
_EQUALITIES = frozenset({"eq", "ne"})

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


class Method:
    """A listed method, bound to a value."""

    __slots__ = ("function", "name", "owner")

    def __init__(self, owner: Any, name: str, function: Callable[..., Any]) -> None:
        self.owner = owner
        self.name = name
        self.function = function

    def __call__(self, fuel: Fuel, *arguments: Any, **options: Any) -> Any:
        """Call the method."""
        return self.function(fuel, self.owner, *arguments, **options)


class TextSandbox(Sandbox):
    """Compiles texts with expressions and statements. The compiled function yields the parts."""

    code_generator_class = TextGenerator


class ExpressionSandbox(Sandbox):
    """Compiles a single expression. The compiled function returns its value."""

    code_generator_class = ExpressionGenerator
