"""The Jinja environment of Orquesta definitions: the native sandbox with Orquesta's semantics.

Values become text by Python's `str()`, a quotient is a float, filters have Jinja's semantics, and a called name is a
method even if the object has a key of that name. The bounds and restrictions are the same.
"""

from collections.abc import Callable
from typing import Any, Final

from jinja2 import nodes
from jinja2.compiler import Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import SandboxedFormatter
from jinja2.utils import missing

from stretto.definitions.expressions.arguments import type_name
from stretto.definitions.expressions.base.bounds import Fuel, check_format
from stretto.definitions.expressions.base.namespaces import ABSENT
from stretto.definitions.expressions.orquesta import functions, stackstorm
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.jinja_filters import FILTERS, TESTS
from stretto.definitions.expressions.orquesta.jinja_operators import OPERATORS
from stretto.definitions.expressions.orquesta.texts import text_of
from stretto.definitions.expressions.sandbox import METHODS as NATIVE_METHODS
from stretto.definitions.expressions.sandbox import ExpressionGenerator, Method, Sandbox, TextGenerator, Undefined
from stretto.definitions.expressions.scope import Function, StatementsContext

VARIABLES: Final = "the_variables_of_ctx"
"""The name through which `ctx().x` reads one variable without creating an object of all of them."""
VARIABLE_OR: Final = "a_variable_of_ctx_or"
"""The name of the function that `ctx().get(x, default)` calls."""
CALLED: Final = "()"
"""The suffix that marks a called field. No field name ends with it."""
MACRO_STEPS = 20


def _plain(name: str) -> Callable[..., Any]:
    method = getattr(str, name)

    def call(_fuel: Fuel, *arguments: Any, **options: Any) -> Any:
        return method(*arguments, **options)

    return call


def _making(name: str, growth: int = 1) -> Callable[..., Any]:
    method = getattr(str, name)

    def call(fuel: Fuel, text: str, *arguments: Any) -> Any:
        fuel.make_text(growth * len(text))
        return method(text, *arguments)

    return call


def _padding(name: str) -> Callable[..., Any]:
    method = getattr(str, name)

    def call(fuel: Fuel, text: str, width: int, *arguments: Any) -> Any:
        fuel.make_text(len(text) + abs(width))
        return method(text, width, *arguments)

    return call


def _joined(fuel: Fuel, separator: str, values: Any) -> str:
    texts = []
    for value in fuel.walk(values):
        fuel.make_text(len(value) + len(separator))
        texts.append(value)
    return separator.join(texts)


def _expanded(fuel: Fuel, text: str, tabsize: int = 8) -> str:
    fuel.make_text(len(text) + text.count("\t") * abs(tabsize))
    return text.expandtabs(tabsize)


def _formatted(fuel: Fuel, text: str, *arguments: Any, **options: Any) -> str:
    check_format(text)
    values = [*arguments, *options.values()]
    fuel.make_text(len(text) + text.count("{") * max((len(text_of(value, fuel)) for value in values), default=0))
    return SandboxedFormatter(EXPRESSIONS).vformat(text, arguments, options)


def _changing(kind: type, name: str) -> Callable[..., Any]:
    """Return a mutating method that only accepts lists or objects created by the expression itself."""
    method = getattr(kind, name)

    def change(fuel: Fuel, owner: Any, *arguments: Any, **options: Any) -> Any:
        if type(owner) is not kind:
            raise TypeError(f"{name}() would change data that the whole run shares; build a new value with + or a loop")
        fuel.burn(1 + sum(len(each) for each in arguments if isinstance(each, list | dict | tuple | str)))
        fuel.compare(owner) if name in {"sort", "remove"} else None
        return method(owner, *arguments, **options)

    return change


METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    str: {
        **{
            name: _plain(name)
            for name in (
                "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit",
                "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper", "rfind",
                "rindex", "startswith",
            )
        },
        **{name: _making(name) for name in ("lstrip", "partition", "removeprefix", "removesuffix")},
        **{name: _making(name) for name in ("rpartition", "rstrip", "strip")},
        **{name: _making(name, 3) for name in ("capitalize", "casefold", "lower", "swapcase", "title", "upper")},
        **{name: _padding(name) for name in ("center", "ljust", "rjust", "zfill")},
        **{name: NATIVE_METHODS[str][name] for name in ("replace", "rsplit", "split", "splitlines")},
        "expandtabs": _expanded,
        "format": _formatted,
        "join": _joined,
    },
    dict: {
        **NATIVE_METHODS[dict],
        "copy": lambda fuel, owner: fuel.burn(len(owner)) or dict(owner),
        **{name: _changing(dict, name) for name in ("clear", "pop", "popitem", "setdefault", "update")},
    },
    list: {
        **NATIVE_METHODS[list],
        "copy": lambda fuel, owner: fuel.burn(len(owner)) or list(owner),
        **{name: _changing(list, name) for name in ("append", "clear", "extend", "insert", "pop", "remove")},
        **{name: _changing(list, name) for name in ("reverse", "sort")},
    },
}  # fmt: skip


class OrquestaContext(StatementsContext):
    """The context of a compiled expression, in which only functions have names."""

    def __init__(self, environment: Any, evaluation: Evaluation) -> None:
        super().__init__(environment, evaluation.scope, evaluation.moment)
        self.fuel = evaluation.fuel
        self.evaluation = evaluation

    def resolve_or_missing(self, key: str) -> Any:
        """Return a function, the variables of `ctx()`, or Jinja's `missing`."""
        if key == VARIABLES:
            return self.evaluation.variables()
        return _RESOLVABLE.get(key, missing)


def _evaluated(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(context: OrquestaContext, *arguments: Any, **options: Any) -> Any:
        return function(context.evaluation, *arguments, **options)

    return call


def _variable_or(evaluation: Evaluation, name: Any, default: Any = None) -> Any:
    value = evaluation.variables().read(name) if isinstance(name, str) else ABSENT
    return default if value is ABSENT else value


def _range(evaluation: Evaluation, *bounds: int) -> range:
    numbers = range(*bounds)
    evaluation.fuel.burn(len(numbers))
    return numbers


def _dict(evaluation: Evaluation, *pairs: Any, **members: Any) -> dict[str, Any]:
    made = dict(*pairs, **members)
    evaluation.fuel.burn(len(made))
    return made


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
_RESOLVABLE: dict[str, Function] = {
    name: Function(name, _evaluated(function)) for name, function in (FUNCTIONS | {VARIABLE_OR: _variable_or}).items()
}


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
            context.fuel.burn(MACRO_STEPS)
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
        context.fuel.make_text(len(text))
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
