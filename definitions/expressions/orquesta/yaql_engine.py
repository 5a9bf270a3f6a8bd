"""YAQL expressions, parsed and run by the package `yaql` with metered functions.

Only this module and the `yaql_*` modules that it imports know that package, which has no types. They are imported when
the first YAQL expression is compiled.
"""

import copy
import datetime as dt
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaql
from yaql.language import contexts, conventions, exceptions, expressions, factory, runner, specs, utils

from stretto.definitions.errors import MAX_NAMES_COMPARED, LimitExceeded, names_there, nearest
from stretto.definitions.expressions.arguments import type_name
from stretto.definitions.expressions.base.bounds import MAX_SOURCE_LENGTH
from stretto.definitions.expressions.base.values import SETTLED_UNITS
from stretto.definitions.expressions.orquesta import functions, stackstorm
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.plain_paths import path_in_yaql
from stretto.definitions.expressions.orquesta.regular import Pattern
from stretto.definitions.expressions.orquesta.yaql_checks import CHECKS
from stretto.definitions.expressions.orquesta.yaql_library import REPLACED, REPLACED_CLOSURES
from stretto.definitions.expressions.orquesta.yaql_metering import Meter
from stretto.definitions.expressions.orquesta.yaql_nodes import with_direct_nodes
from stretto.definitions.expressions.orquesta.yaql_paths import path_of
from stretto.definitions.expressions.orquesta.yaql_views import ListView, MissingKey, ObjectView, VariablesView, view
from stretto.definitions.expressions.syntax import Malformed

MAX_NAMES_FOUND = 2_000
MEMORY_QUOTA_BYTES = 64 * 1024 * 1024
"""Maximum memory of a single value, without the values it refers to."""


class MeteredDefinition(specs.FunctionDefinition):  # type: ignore[misc]
    """A function that pays for its arguments and result, and checks its preconditions at each call."""

    __slots__ = ("check", "number")

    def __init__(self, plain: Any, check: Callable[..., None] | None) -> None:
        super().__init__(
            plain.name,
            plain.payload,
            {key: parameter.clone() for key, parameter in plain.parameters.items()},
            plain.doc,
            plain.meta,
            plain.is_function,
            plain.is_method,
            plain.no_kwargs,
        )
        self.check = check
        self.number = next(_NUMBERS)

    def clone(self) -> "MeteredDefinition":
        """Return a copy."""
        return MeteredDefinition(self, self.check)

    def get_delegate(self, receiver: Any, engine: Any, context: Any, args: Any, kwargs: Any) -> Callable[[], Any]:
        """Return the call, with payment and checks."""
        delegate = super().get_delegate(receiver, engine, context, args, kwargs)
        meter: Meter = context.meter

        def metered() -> Any:
            given = [_literal(value) for value in args]
            named = {name: _literal(value) for name, value in kwargs.items()}
            for value in (*given, *named.values()):
                meter.walk(value)
            if self.check is not None:
                self.check(meter.fuel, *given, **named)
            return meter.take(delegate())

        return metered


_NUMBERS = itertools.count()


def _literal(value: Any) -> Any:
    return value.value if isinstance(value, expressions.Constant) else value


class MeteredContext(contexts.Context):  # type: ignore[misc]
    """A context that knows its evaluation, and whose functions are metered."""

    def __init__(self, parent_context: Any = None, data: Any = utils.NO_VALUE, convention: Any = None) -> None:
        super().__init__(parent_context, data, convention)
        self.evaluation: Any = None
        self.meter: Any = None
        # The functions found for each name, shared by all evaluations while nothing is defined.
        self._found: dict[Any, list[list[Any]]] | None = None

    def create_child_context(self) -> "MeteredContext":
        """Return a child context. YAQL creates one for each call, so this does without three constructor calls."""
        child: MeteredContext = MeteredContext.__new__(MeteredContext)
        child._parent_context = self
        child._convention = self._convention
        child._functions = {}
        child._data = {}
        child._exclusive_funcs = set()
        child.evaluation = self.evaluation
        child.meter = self.meter
        child._found = self._found
        return child

    def begin(self, evaluation: Evaluation) -> "MeteredContext":
        """Return a context for one evaluation."""
        child = self.create_child_context()
        child.evaluation = evaluation
        child.meter = Meter(evaluation.fuel)
        return child

    def share_findings(self) -> None:
        """Cache the functions of each name from now on, as no more will be defined here."""
        self._found = {}

    def function_names(self) -> Iterable[str]:
        """Return the names of all functions in this context and its parents."""
        context = self
        while context is not None:
            yield from context._functions
            context = context.parent

    def register_function(self, spec: Any, *args: Any, **kwargs: Any) -> None:
        """Define a function, and drop the cache."""
        self._found = None
        super().register_function(spec, *args, **kwargs)

    @staticmethod
    def _import_function_definition(fd: Any) -> Any:
        if isinstance(fd, MeteredDefinition):
            return fd
        replacement = REPLACED.get(fd.payload) or REPLACED_CLOSURES.get(fd.payload.__qualname__)
        if replacement is not None:
            name = fd.name
            fd = specs.get_function_definition(replacement, convention=_CONVENTION)
            fd.name = name
        return MeteredDefinition(fd, CHECKS.get(fd.payload))

    def __call__(  # noqa: PLR0913, PLR0917 - the signature of the overridden method
        self,
        name: Any,
        engine: Any,
        receiver: Any = utils.NO_VALUE,
        data_context: Any = None,
        use_convention: Any = False,  # noqa: FBT002
        function_filter: Any = None,
    ) -> Any:
        """Return a function that chooses the overload for its arguments and calls it."""
        assert function_filter is None  # noqa: S101 - YAQL never passes one
        self.meter.call()

        def call(*args: Any, **kwargs: Any) -> Any:
            overloads = self._overloads(name, receiver is not utils.NO_VALUE, use_convention)
            if not overloads:
                raise _unknown_error(name, receiver)
            context = self if data_context is None else data_context
            try:
                delegate = runner.choose_overload(name, overloads, engine, receiver, context, args, kwargs)
            except _NoMatch:
                raise  # the error of an argument that was evaluated to choose an overload
            except (exceptions.NoMatchingFunctionException, exceptions.NoMatchingMethodException):
                raise _no_match_error(name, receiver) from None
            try:
                return delegate()
            except StopIteration as error:
                raise exceptions.WrappedException(error) from error

        return call

    def _overloads(self, name: str, is_method: bool, use_convention: bool) -> list[list[Any]]:  # noqa: FBT001
        key = name, is_method, use_convention
        if self._found is not None and key in self._found:
            return self._found[key]

        def wanted(definition: Any, _context: Any) -> bool:
            return bool(definition.is_method if is_method else definition.is_function)

        layers = self.collect_functions(name, wanted, use_convention=use_convention)
        # In the order of definition: a set's order differs between processes.
        found = [sorted(layer, key=lambda definition: definition.number) for layer in layers]
        if self._found is not None and len(self._found) < MAX_NAMES_FOUND:
            self._found[key] = found
        return found


class _NoFunction(exceptions.NoFunctionRegisteredException):  # type: ignore[misc]
    def __init__(self, text: str) -> None:
        Exception.__init__(self, text)


class _NoMatch(exceptions.NoMatchingFunctionException):  # type: ignore[misc]
    def __init__(self, text: str) -> None:
        Exception.__init__(self, text)


def _unknown_error(name: str, receiver: Any) -> Exception:
    if name.startswith("#property#"):
        field = name.removeprefix("#property#")
        return _NoFunction(f"there is no field {field!r}, because the value is not an object")
    kind = "function" if receiver is utils.NO_VALUE else "method"
    hint = nearest(name, FUNCTION_NAMES)
    return _NoFunction(f"there is no {kind} {name}()" + (f"; {hint}" if hint else ""))


def _no_match_error(name: str, receiver: Any) -> Exception:
    words = {"#indexer": "[...]", "*equal": "=", "*not_equal": "!=", "#operator_.": "the dot"}
    shown = words.get(name) or name.replace("#unary_operator_", "the operator ").replace("#operator_", "the operator ")
    shown = shown if " " in shown or shown in words.values() else f"{shown}()"
    if receiver is utils.NO_VALUE:
        return _NoMatch(f"{shown} does not take values of these types")
    return _NoMatch(f"{shown} does not take a value of type {_type_name(receiver)} with these arguments")


def _type_name(value: Any) -> str:
    if isinstance(value, Mapping):
        return "object"
    return type_name(value) if isinstance(value, Iterable | int | float | None) else type(value).__name__


_CONVENTION = conventions.CamelCaseConvention()


def _shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function of both languages for YAQL."""

    def call(context: Any, *arguments: Any, **options: Any) -> Any:
        plain = [plain_of(each, context.meter) for each in arguments]
        given = {name: plain_of(each, context.meter) for name, each in options.items()}
        return view(function(context.evaluation, *plain, **given))

    parameters = list(inspect.signature(function).parameters.values())[1:]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    context = inspect.Parameter("context", kind)
    shown = [context, *(parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters)]
    # YAQL reads a function's parameters from its signature.
    call.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return call


def _ctx(context: Any, key: Any = None) -> Any:
    evaluation: Evaluation = context.evaluation
    return view(functions.ctx(evaluation, key)) if key else VariablesView(evaluation.variables())


def _root() -> MeteredContext:
    root = yaql.create_context(context=MeteredContext(convention=_CONVENTION), yaqlized=False)
    for name, function in {**stackstorm.FUNCTIONS, **functions.FUNCTIONS, "json": functions.read_json_text}.items():
        root.register_function(_ctx if name == "ctx" else _shared(function), name=name)
    root.share_findings()
    made: MeteredContext = root
    return made


_ENGINE = factory.YaqlFactory().create({"yaql.memoryQuota": MEMORY_QUOTA_BYTES, "yaql.convertOutputData": False})
_ROOT = _root()
FUNCTION_NAMES = frozenset(name for name in _ROOT.function_names() if name.isidentifier())
"""All functions and methods, to suggest the nearest one."""


def plain_of(value: Any, meter: Meter) -> Any:
    """Return YAQL's value as plain data. Views become the frozen data behind them, without a copy."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, ListView | ObjectView):
        return value.frozen
    if isinstance(value, VariablesView):
        return value.all()
    if isinstance(value, Mapping):
        meter.fuel.make_object(len(value))
        return {plain_of(key, meter): plain_of(member, meter) for key, member in value.items()}
    if isinstance(value, contexts.ContextBase):
        raise TypeError("the value is a context of let() or with(); continue with -> and an expression")
    if isinstance(value, Pattern):
        raise TypeError("the value is a regular expression, which is not JSON-like data")
    if isinstance(value, Iterable):
        return [plain_of(member, meter) for member in meter.fuel.walk(value, SETTLED_UNITS)]
    if isinstance(value, dt.datetime | dt.timedelta | dt.tzinfo):
        return str(value)  # data has no such type
    raise TypeError(f"the value is a {type(value).__name__}, which is not JSON-like data")


class YaqlExpression:
    """The compiled source of `<% %>`."""

    __slots__ = ("_statement", "_steps", "calls", "path")

    def __init__(self, source: str) -> None:
        if len(source) > MAX_SOURCE_LENGTH:
            raise Malformed(
                "expression_too_long",
                f"an expression must have at most {MAX_SOURCE_LENGTH:,} characters, got {len(source):,}",
            )
        self._statement = _parsed(source)
        self.calls = frozenset(_called(self._statement.expression))
        self.path = path_in_yaql(self._statement.expression)
        self._steps = path_of(self._statement.expression)
        with_direct_nodes(self._statement)

    def run(self, evaluation: Evaluation) -> Any:
        """Return the value, by the fast path if there is one."""
        if self._steps is not None:
            found = self._steps(evaluation)
            if found is not None:
                return found[0]
        return self.run_by_yaql(evaluation)

    def run_by_yaql(self, evaluation: Evaluation) -> Any:
        """Return the value as YAQL itself computes it, without the fast path."""
        context = _ROOT.begin(evaluation)
        try:
            return plain_of(self._statement.evaluate(context=context), context.meter)
        except exceptions.CollectionTooLargeException as error:
            raise LimitExceeded(str(error)) from None
        except KeyError as error:
            raise ValueError(_without_key(error)) from None
        except (StopIteration, exceptions.WrappedException):
            raise ValueError("the list has no more members") from None


def _without_key(error: KeyError) -> str:
    if not error.args:
        return "there is no such key"
    key = error.args[0]
    known = error.names if isinstance(error, MissingKey) else ()
    names = list(itertools.islice((each for each in known if isinstance(each, str)), MAX_NAMES_COMPARED + 1))
    hint = nearest(key, names) or names_there(names) if isinstance(key, str) else ""
    return f"there is no key {key!r}" + (f"; {hint}" if hint else "")


def _parsed(source: str) -> Any:
    # The lexer and the parser store their position in themselves, so each thread needs copies.
    lexer = _ENGINE.lexer.clone()
    parser = copy.copy(_ENGINE.parser)
    try:
        return expressions.Statement(parser.parse(source, lexer=lexer), _ENGINE)
    except exceptions.YaqlParsingException as error:
        raise Malformed("expression_syntax", str(error).strip()) from None
    except (ValueError, TypeError) as error:
        raise Malformed("expression_syntax", str(error)) from None
    except (RecursionError, MemoryError):
        raise Malformed("expression_too_deep", "the expression nests too deeply") from None


def _called(tree: Any) -> Iterable[str]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if type(node).__name__ == "Function":
            yield node.name
        pending += [getattr(node, name) for name in ("expr", "source", "destination") if hasattr(node, name)]
        pending += getattr(node, "args", ())
