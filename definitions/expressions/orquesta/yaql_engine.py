"""YAQL expressions, parsed and run by the package `yaql`: its language and standard library, metered.

Only this module and `yaql_library` know that package, which has no types; both are imported when the first YAQL
expression is compiled.
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaql
from yaql.language import contexts, conventions, exceptions, factory, specs, utils

from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions.bounds import MAX_SOURCE_LENGTH
from stretto.definitions.expressions.orquesta import functions, stackstorm
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.regular import Pattern
from stretto.definitions.expressions.orquesta.yaql_library import CHECKS, REPLACED
from stretto.definitions.expressions.orquesta.yaql_metering import Meter
from stretto.definitions.expressions.orquesta.yaql_paths import path_of
from stretto.definitions.expressions.orquesta.yaql_views import ListView, ObjectView, VariablesView, view
from stretto.definitions.expressions.syntax import Malformed

MEMORY_QUOTA_BYTES = 64 * 1024 * 1024
"""Of one value's own memory, without what it refers to."""


class MeteredDefinition(specs.FunctionDefinition):  # type: ignore[misc]
    """A function whose arguments, result and preconditions are checked at each call."""

    __slots__ = ("check",)

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

    def clone(self) -> "MeteredDefinition":
        return MeteredDefinition(self, self.check)

    def get_delegate(self, receiver: Any, engine: Any, context: Any, args: Any, kwargs: Any) -> Callable[[], Any]:
        delegate = super().get_delegate(receiver, engine, context, args, kwargs)
        meter: Meter = context.evaluation_meter

        def metered() -> Any:
            for value in args:
                meter.walk(value)
            for value in kwargs.values():
                meter.walk(value)
            if self.check is not None:
                self.check(meter.fuel, *args, **kwargs)
            return meter.take(delegate())

        return metered


class MeteredContext(contexts.Context):  # type: ignore[misc]
    """A context that knows its evaluation, and whose functions are metered."""

    def __init__(self, parent_context: Any = None, data: Any = utils.NO_VALUE, convention: Any = None) -> None:
        super().__init__(parent_context, data, convention)
        self.evaluation: Any = None if parent_context is None else parent_context.evaluation
        self.evaluation_meter: Any = None if parent_context is None else parent_context.evaluation_meter

    @staticmethod
    def _import_function_definition(fd: Any) -> Any:
        if isinstance(fd, MeteredDefinition):
            return fd
        ours = REPLACED.get(fd.payload)
        if ours is not None:
            name = fd.name
            fd = specs.get_function_definition(ours, convention=_CONVENTION)
            fd.name = name
        return MeteredDefinition(fd, CHECKS.get(fd.payload))

    def __call__(
        self,
        name: Any,
        engine: Any,
        receiver: Any = utils.NO_VALUE,
        data_context: Any = None,
        use_convention: Any = False,  # noqa: FBT002 - as the method that it overrides
        function_filter: Any = None,
    ) -> Any:
        self.evaluation_meter.call()
        return super().__call__(name, engine, receiver, data_context, use_convention, function_filter)


_CONVENTION = conventions.CamelCaseConvention()


def _shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of both languages as YAQL calls it."""

    def call(context: Any, *arguments: Any, **options: Any) -> Any:
        plain = [plain_of(each, context.evaluation_meter) for each in arguments]
        given = {name: plain_of(each, context.evaluation_meter) for name, each in options.items()}
        return view(function(context.evaluation, *plain, **given))

    parameters = list(inspect.signature(function).parameters.values())[1:]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    context = inspect.Parameter("context", kind)
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined] - what YAQL reads a function's parameters from
        [context, *(parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters)]
    )
    return call


def _ctx(context: Any, key: Any = None) -> Any:
    evaluation: Evaluation = context.evaluation
    return view(functions.ctx(evaluation, key)) if key else VariablesView(evaluation.variables())


def _root() -> MeteredContext:
    root = yaql.create_context(context=MeteredContext(convention=_CONVENTION), yaqlized=False)
    for name, function in {**stackstorm.FUNCTIONS, **functions.FUNCTIONS}.items():
        root.register_function(_ctx if name == "ctx" else _shared(function), name=name)
    made: MeteredContext = root
    return made


_ENGINE = factory.YaqlFactory().create({"yaql.memoryQuota": MEMORY_QUOTA_BYTES, "yaql.convertOutputData": False})
_ROOT = _root()


def plain_of(value: Any, meter: Meter) -> Any:
    """Return what YAQL gave as plain data: views as the frozen data behind them, untouched."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, ListView | ObjectView):
        return value.frozen
    if isinstance(value, VariablesView):
        return value.all()
    if isinstance(value, Mapping):
        meter.fuel.burn(len(value))
        return {plain_of(key, meter): plain_of(member, meter) for key, member in value.items()}
    if isinstance(value, contexts.ContextBase):
        raise TypeError("the value is a context, as let() and with() give it; go on with -> and an expression")
    if isinstance(value, Pattern):
        raise TypeError("the value is a regular expression, which is no data")
    if isinstance(value, Iterable):
        return [plain_of(member, meter) for member in meter.fuel.walk(value)]
    # A point in time or a span: data has no such type.
    return str(value)


class YaqlExpression:
    """What stands between `<%` and `%>`."""

    __slots__ = ("_path", "_statement", "calls")

    def __init__(self, source: str) -> None:
        if len(source) > MAX_SOURCE_LENGTH:
            raise Malformed(
                "expression_too_long",
                f"an expression has at most {MAX_SOURCE_LENGTH:,} characters, this one {len(source):,}",
            )
        self._statement = _parsed(source)
        self.calls = frozenset(_called(self._statement.expression))
        self._path = path_of(self._statement.expression)

    def run(self, evaluation: Evaluation) -> Any:
        if self._path is not None:
            found = self._path(evaluation)
            if found is not None:
                return found[0]
        return self.run_by_yaql(evaluation)

    def run_by_yaql(self, evaluation: Evaluation) -> Any:
        """Return the value as YAQL itself computes it, whether there is a shorter way or not."""
        context = MeteredContext(_ROOT)
        context.evaluation = evaluation
        meter = context.evaluation_meter = Meter(evaluation.fuel)
        try:
            return plain_of(self._statement.evaluate(context=context), meter)
        except exceptions.CollectionTooLargeException as error:
            raise LimitExceeded(str(error)) from None
        except KeyError as error:
            raise ValueError(f"there is no key {error.args[0]!r}" if error.args else "there is no such key") from None
        except StopIteration:
            raise ValueError("the list has no (further) member") from None


def _parsed(source: str) -> Any:
    # The lexer and the parser keep their place in themselves: copies of both let any thread parse.
    lexer = _ENGINE.lexer.clone()
    parser = copy.copy(_ENGINE.parser)
    try:
        return factory.expressions.Statement(parser.parse(source, lexer=lexer), _ENGINE)
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
