"""A lightweight version of Jinja's context, which looks up names when an expression reads them.

Jinja's own context copies all top-level names at each rendering. This one consists of three references.
"""

from collections.abc import Callable
from typing import Any

from jinja2.runtime import Context
from jinja2.utils import missing

from stretto.definitions.data import Data
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.guarding import Guarded
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.namespaces import ABSENT, Completion, Scope
from stretto.definitions.expressions.functions import FUNCTIONS


class Function:
    """A function of the language with its name. Only these can be called."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self.call = call


class ScopeContext(Context):
    """The context of a compiled expression: its scope, its moment, and the fuel of this evaluation."""

    __slots__ = ("environment", "eval_ctx", "fuel", "moment", "scope")

    def __init__(self, environment: Any, scope: Scope, moment: Moment, fuel: Fuel) -> None:
        # Jinja's __init__ is skipped deliberately: its work is only for template inheritance.
        self.environment = environment
        self.eval_ctx = environment.evaluation_context
        self.scope = scope
        self.moment = moment
        self.fuel = fuel

    def resolve_or_missing(self, key: str) -> Any:
        """Return a function, a name of the scope, or Jinja's `missing`."""
        function = _RESOLVABLE.get(key)
        if function is not None:
            return function
        value = self.scope.resolve(key)
        if isinstance(value, Guarded):
            return value.open(self.moment)
        return missing if value is ABSENT else value


class StatementsContext(ScopeContext):
    """The context of a text with statements, which also stores the variables of `set`."""

    __slots__ = ("exported_vars", "vars")

    def __init__(self, environment: Any, scope: Scope, moment: Moment, fuel: Fuel) -> None:
        super().__init__(environment, scope, moment, fuel)
        self.vars: dict[str, Any] = {}
        self.exported_vars: set[str] = set()


def _completion(context: ScopeContext, function: str) -> Completion:
    completion = context.scope.completion()
    if completion is None:
        raise ValueError(
            f"{function}() refers to the task that has just ended; use it in `next` (when, publish) or in "
            "`retry.on_error`, and read task.NAME elsewhere"
        )
    return completion


def _result(context: ScopeContext) -> Data:
    result: Data | Guarded = _completion(context, "result").result
    return result.open(context.moment) if isinstance(result, Guarded) else result


def _outcome_is(outcomes: frozenset[str], function: str) -> Callable[[ScopeContext], bool]:
    def asked(context: ScopeContext) -> bool:
        return _completion(context, function).outcome in outcomes

    return asked


def _now(context: ScopeContext) -> str:
    return context.moment.now()


def _uuid(context: ScopeContext) -> str:
    return context.moment.uuid()


COMPLETION_FUNCTIONS = frozenset({"result", "succeeded", "failed", "timed_out", "cancelled"})
"""Functions that refer to the task that has just ended."""

_CONTEXT_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "result": _result,
    "succeeded": _outcome_is(frozenset({"succeeded", "skipped"}), "succeeded"),
    "failed": _outcome_is(frozenset({"failed"}), "failed"),
    "timed_out": _outcome_is(frozenset({"timed_out"}), "timed_out"),
    "cancelled": _outcome_is(frozenset({"cancelled"}), "cancelled"),
    "now": _now,
    "uuid": _uuid,
}


def _with_fuel(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(context: ScopeContext, *arguments: Any, **options: Any) -> Any:
        return function(context.fuel, *arguments, **options)

    return call


_RESOLVABLE: dict[str, Function] = {
    **{name: Function(name, _with_fuel(function)) for name, function in FUNCTIONS.items()},
    **{name: Function(name, function) for name, function in _CONTEXT_FUNCTIONS.items()},
}
FUNCTION_NAMES = frozenset(_RESOLVABLE)
"""All functions of the language. A variable of the same name never hides one."""
