"""Errors of expressions, worded for the author of the definition."""

from collections.abc import Callable, Iterable

from stretto.definitions.errors import (
    ExpressionError,
    ExpressionLimitExceeded,
    LimitExceeded,
    Place,
    names_there,
    nearest,
)
from stretto.definitions.expressions.base.bounds import OutOfFuel
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.running import Evaluation, evaluated_in
from stretto.definitions.expressions.sandbox import UnknownName


def harmless_error(error: Exception, moment: Moment) -> Exception:
    """Return the error, or one without details if a secret was read, because they might quote it in any form."""
    if moment.sources is None:
        return error
    moment.sources = None
    if isinstance(error, OutOfFuel):
        return LimitExceeded(error.without_need)
    if isinstance(error, LimitExceeded):  # its text has only constants
        return error
    return ValueError("it failed after reading a secret; the reason is not shown, because it could reveal the secret")


def author_error(
    error: Exception, source: str, place: Place, known: Callable[[], Iterable[str]], functions: Iterable[str]
) -> ExpressionError:
    """Convert an exception of an evaluation. `known` returns the names in scope."""
    hint = ""
    if isinstance(error, UnknownName):
        names = set(known())
        hint = nearest(error.name, {*names, *functions}) or names_there(names)
    elif isinstance(error, RecursionError):
        return ExpressionError(shortened(source), place, "the expression nests too deeply")
    elif isinstance(error, OverflowError):
        return ExpressionError(shortened(source), place, "a number is too large")
    elif isinstance(error, LimitExceeded):
        return ExpressionLimitExceeded(shortened(source), place, str(error))
    reason = str(error).strip() or type(error).__name__
    reason = reason.replace("FrozenDict", "object").replace("FrozenList", "list")
    return ExpressionError(shortened(source), place, reason, hint)


def stopped_error(evaluation: Evaluation, seconds: float) -> ExpressionLimitExceeded:
    """Return the error of an evaluation that was stopped.

    Args:
        evaluation: What `evaluation_of` has returned.
        seconds: The limit of its time.
    """
    source, place = evaluated_in(evaluation)
    return ExpressionLimitExceeded(shortened(source), place, stop_reason(seconds))


def stop_reason(seconds: float) -> str:
    """Return why an evaluation was stopped after its limit of so many seconds."""
    return f"the evaluation was stopped because it took longer than its limit of {seconds:g} s"


def shortened(source: str, most: int = 200) -> str:
    """Return an expression's source for a message, cut if it is long."""
    return source if len(source) <= most else f"{source[: most - 3]}..."
