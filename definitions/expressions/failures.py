"""What a definition's author is told when an expression cannot be evaluated."""

from collections.abc import Callable, Iterable

from stretto.definitions.errors import ExpressionError, Place, names_there, nearest
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.sandbox import UnknownName


def harmless(error: Exception, moment: Moment) -> Exception:
    """Return the error, or one that quotes nothing if a secret was read: it may quote that, in any form."""
    if moment.sources is None:
        return error
    moment.sources = None
    return ValueError("it failed after reading a secret; what went wrong is not told, as that could tell the secret")


def told(
    error: Exception, source: str, place: Place, known: Callable[[], Iterable[str]], functions: Iterable[str]
) -> ExpressionError:
    """Return the error that an author gets for what an evaluation raised; `known` are the names in scope."""
    hint = ""
    if isinstance(error, UnknownName):
        names = set(known())
        hint = nearest(error.name, {*names, *functions}) or names_there(names)
    elif isinstance(error, RecursionError):
        return ExpressionError(shortened(source), place, "the expression nests too deeply")
    elif isinstance(error, OverflowError):
        return ExpressionError(shortened(source), place, "a number is too large")
    reason = str(error).strip() or type(error).__name__
    reason = reason.replace("FrozenDict", "object").replace("FrozenList", "list")
    return ExpressionError(shortened(source), place, reason, hint)


def shortened(source: str, most: int = 200) -> str:
    """Return a source to be quoted, cut if it is long."""
    return source if len(source) <= most else f"{source[: most - 3]}..."
