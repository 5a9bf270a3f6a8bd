"""The Jinja environment of Orquesta definitions: the native sandbox with Orquesta's semantics.

Values become text by Python's `str()`, a quotient is a float, filters have Jinja's semantics, and a called name is a
method even if the object has a key of that name. The bounds and restrictions are the same.
"""

from collections.abc import Callable, Sized
from typing import Any, Final

from jinja2 import nodes
from jinja2.compiler import Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import SandboxedFormatter
from jinja2.utils import missing

from stretto.definitions.expressions.arguments import list_of_members, type_name
from stretto.definitions.expressions.base.bounds import (
    FIELD_BYTES,
    MAX_FORMAT_WIDTH,
    MEMBER_BYTES,
    MEMBERS_COPIED,
    Fuel,
    check_format,
)
from stretto.definitions.expressions.base.charges import TEXT_METHODS
from stretto.definitions.expressions.base.namespaces import ABSENT
from stretto.definitions.expressions.code_generation import ExpressionGenerator, TextGenerator
from stretto.definitions.expressions.functions import JOIN_UNITS, NUMBER_BYTES
from stretto.definitions.expressions.orquesta import functions, stackstorm
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.jinja_filters import FILTERS, TESTS
from stretto.definitions.expressions.orquesta.jinja_operators import OPERATORS
from stretto.definitions.expressions.orquesta.texts import text_of
from stretto.definitions.expressions.sandbox import METHODS as NATIVE_METHODS
from stretto.definitions.expressions.sandbox import Method, Sandbox, Undefined
from stretto.definitions.expressions.scope import Function, StatementsContext

VARIABLES: Final = "the_variables_of_ctx"
"""The name through which `ctx().x` reads one variable without creating an object of all of them."""
VARIABLE_OR: Final = "a_variable_of_ctx_or"
"""The name of the function that `ctx().get(x, default)` calls."""
CONFIG: Final = "config_context"
"""The name of the pack's configuration, as StackStorm's chains and metadata read it."""
STORED_OR: Final = "st2kv_or_undefined"
"""The name of the function that reads a key for `st2kv.system.KEY`. Unlike `st2kv(...)`, it may be undefined."""
CALLED: Final = "()"
"""The suffix that marks a called field. No field name ends with it."""


def _joined(fuel: Fuel, separator: str, values: Any) -> str:
    texts = []
    for value in fuel.walk(values):
        fuel.make_text(len(value) + len(separator), value if separator.isascii() else separator)
        fuel.burn(JOIN_UNITS)
        texts.append(value)
    return separator.join(texts)


def _formatted(fuel: Fuel, text: str, *arguments: Any, **options: Any) -> str:
    check_format(text)
    values = [*arguments, *options.values()]
    fuel.burn(len(text))
    texts = [text_of(value, fuel) for value in values]
    length = len(text) + text.count("{") * max(MAX_FORMAT_WIDTH, *map(len, texts), 0)
    fuel.make_text(length, "" if text.isascii() and all(map(str.isascii, texts)) else "\xff")
    return SandboxedFormatter(EXPRESSIONS).vformat(text, arguments, options)


def _changing(kind: type, name: str) -> Callable[..., Any]:
    """Return a mutating method that only accepts lists or objects created by the expression itself."""
    method = getattr(kind, name)

    def change(fuel: Fuel, changed: Any, *arguments: Any, **options: Any) -> Any:
        owner: Any = changed
        if type(changed) is not kind:
            raise TypeError(f"{name}() would change data that the whole run shares; build a new value with + or a loop")
        for each in arguments:
            if isinstance(each, list | dict | tuple | str):
                fuel.make_object(len(each)) if name == "update" else fuel.make_list(len(each))
        if options:
            fuel.make_object(len(options))
        if name == "sort":
            fuel.order(list(owner))
        elif name == "remove":
            fuel.look_for(arguments[0] if arguments else None, owner)
        elif kind is dict and arguments:
            fuel.hash(arguments[0])
            fuel.make(FIELD_BYTES)
        else:
            fuel.make(MEMBER_BYTES)
            fuel.burn(len(owner) // MEMBERS_COPIED)
        return method(owner, *arguments, **options)

    return change


def _copied_object(fuel: Fuel, owner: Any) -> dict[Any, Any]:
    fuel.make_object(len(owner))
    return dict(owner)


def _copied_list(fuel: Fuel, owner: Any) -> list[Any]:
    fuel.make_list(len(owner))
    return list(owner)


METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    str: {
        **TEXT_METHODS,
        "format": _formatted,
        "join": _joined,
    },
    dict: {
        **NATIVE_METHODS[dict],
        "copy": _copied_object,
        **{name: _changing(dict, name) for name in ("clear", "pop", "popitem", "setdefault", "update")},
    },
    list: {
        **NATIVE_METHODS[list],
        "copy": _copied_list,
        **{name: _changing(list, name) for name in ("append", "clear", "extend", "insert", "pop", "remove")},
        **{name: _changing(list, name) for name in ("reverse", "sort")},
    },
}  # fmt: skip


class OrquestaContext(StatementsContext):
    """The context of a compiled expression, in which only functions have names."""

    def __init__(self, environment: Any, evaluation: Evaluation) -> None:
        super().__init__(environment, evaluation.scope, evaluation.moment, evaluation.fuel)
        self.evaluation = evaluation

    def resolve_or_missing(self, key: str) -> Any:
        """Return a function, the variables of `ctx()`, or Jinja's `missing`."""
        if key == VARIABLES:
            return self.evaluation.variables()
        if key == CONFIG:
            return self.evaluation.config()
        return _RESOLVABLE.get(key, missing)


def _evaluated(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(context: OrquestaContext, *arguments: Any, **options: Any) -> Any:
        return function(context.evaluation, *arguments, **options)

    return call


def _variable_or(evaluation: Evaluation, name: Any, default: Any = None) -> Any:
    value = evaluation.variables().read(name) if isinstance(name, str) else ABSENT
    return default if value is ABSENT else value


def _stored_or(evaluation: Evaluation, place: str, decrypt: bool = False) -> Any:  # noqa: FBT001, FBT002 - Jinja's call
    found = stackstorm.read_key(evaluation, place, decrypt=decrypt)
    return EXPRESSIONS.undefined(hint=stackstorm.no_key(place), name=place) if found is ABSENT else found


def _range(evaluation: Evaluation, *bounds: int) -> range:
    numbers = range(*bounds)
    evaluation.fuel.make(NUMBER_BYTES * len(numbers))
    evaluation.fuel.burn(len(numbers))
    return numbers


def _dict(evaluation: Evaluation, *pairs: Any, **members: Any) -> dict[str, Any]:
    for each in (*pairs, members):
        if isinstance(each, Sized):
            evaluation.fuel.make_object(len(each))
    return dict(
        *(each if isinstance(each, Sized) else list_of_members(evaluation.fuel, "dict", each) for each in pairs),
        **members,
    )


def _refused(name: str) -> Callable[..., Any]:
    def refuse(_evaluation: Evaluation, *_arguments: Any, **_options: Any) -> Any:
        raise ValueError(f"{name}() is not available, because a replay of the run must give the same values")

    return refuse


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **stackstorm.FUNCTIONS,
    **functions.FUNCTIONS,
    "dict": _dict,
    "lipsum": _refused("lipsum"),
    "range": _range,
}
FUNCTION_NAMES = frozenset(FUNCTIONS)
_CALLABLE = FUNCTIONS | {VARIABLE_OR: _variable_or, STORED_OR: _stored_or}
_RESOLVABLE: dict[str, Function] = {name: Function(name, _evaluated(function)) for name, function in _CALLABLE.items()}


class OrquestaSandbox(Sandbox):
    """The environment. It is immutable after creation and shared by all threads."""

    methods = METHODS

    def __init__(self) -> None:
        super().__init__()
        self.trim_blocks = True
        self.lstrip_blocks = True
        self.keep_trailing_newline = False
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a key of an object or a variable, else a listed method. A called name is a method first."""
        if attribute.endswith(CALLED):
            attribute = attribute.removesuffix(CALLED)
            method = self.method_of(obj, attribute)
            if method is not None:
                return method
        return super().getattr(obj, attribute)

    def call(self, context: Any, function: Any, /, *arguments: Any, **options: Any) -> Any:
        """Call a function of the language, a listed method or a macro. Nothing else can be called."""
        options.pop("_loop_vars", None)
        options.pop("_block_vars", None)
        if type(function) is Function:
            return function.call(context, *arguments, **options)
        if type(function) is Method:
            return function(context.fuel, *arguments, **options)
        if type(function) is Macro:
            return function(*arguments, **options)
        if isinstance(function, Undefined):
            str(function)  # raises the error for the undefined name
        if isinstance(function, LoopContext):
            raise SecurityError("a recursive loop is not available")
        raise SecurityError(f"a value of type {type_name(function)} cannot be called")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Return `left operator right` within the evaluation's bounds."""
        return OPERATORS[operator](left, right, context.fuel)

    def concatenate(self, context: Any, parts: tuple[Any, ...]) -> str:
        """Return `a ~ b`, with values converted as Python does."""
        return "".join([self.text(context, part) for part in parts])

    def text(self, context: Any, value: Any) -> str:
        """Return a value's text between other text, and pay for it."""
        if isinstance(value, Undefined):
            str(value)  # raises the error for the undefined name
        text = text_of(value, context.fuel)
        context.fuel.make_text(len(text), text)
        return text


class _TextGenerator(TextGenerator):
    """Compiles output to text, so that `{% set %}` and macros can join it."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:  # noqa: ARG002
        self.write("environment.text(context, ")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:  # noqa: ARG002
        self.write(")")


class OrquestaTexts(OrquestaSandbox):
    """Compiles texts with statements. The compiled function yields text."""

    code_generator_class = _TextGenerator


class OrquestaExpressions(OrquestaSandbox):
    """Compiles a single expression. The compiled function returns its value."""

    code_generator_class = ExpressionGenerator


EXPRESSIONS = OrquestaExpressions()
TEXTS = OrquestaTexts()
