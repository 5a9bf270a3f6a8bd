"""The state of one evaluation: its scope and what remains of its limits."""

from typing import Any

from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions.base.guarding import Guarded
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.namespaces import ABSENT, Completion, Namespace, Readable, Scope

MAX_REPETITIONS = 20
"""Maximum number of nested evaluations, when the value of an expression is text with another expression."""
REPETITION_UNITS = 2_000
"""The units of each expression in a nested evaluation, which may have to compile it."""
COMPILED_UNITS = 20
"""The units for each character that a nested evaluation compiles."""
_NO_VARIABLES = Namespace("ctx()", {})


class Evaluation:
    """A scope, a moment, and the fuel of an expression and its nested evaluations.

    `member` is the member of a list for which a path of YAQL is evaluated now, or `ABSENT`.
    """

    __slots__ = ("_repetitions", "fuel", "member", "moment", "scope")

    def __init__(self, scope: Scope, moment: Moment) -> None:
        self.scope = scope
        self.moment = moment
        self.fuel = moment.fuel()
        self.member: Any = ABSENT
        self._repetitions = 0

    def variables(self) -> Readable:
        """Return the namespace of the visible variables."""
        namespace: Any = self.scope.resolve("workflow")
        if type(namespace) is Namespace:  # as of most runs, which have no secret variables
            return namespace
        return _NO_VARIABLES if namespace is ABSENT else self.opened(namespace)

    def item(self) -> Any:
        """Return the current item, or `ABSENT`."""
        return self.opened(self.scope.resolve("item"))

    def completion(self) -> Completion | None:
        """Return the end of the current task, or None."""
        return self.scope.completion()

    def keys(self) -> Any:
        """Return the namespace of the key-value store.

        A text that a value contains must not read keys: it may come from outside, and keys may be secret.

        Raises:
            ValueError: The expression is in a value.
        """
        if self._repetitions:
            raise ValueError("an expression in a value cannot read the key-value store: a value may come from outside")
        return self.opened(self.scope.resolve("kv"))

    def config(self) -> Any:
        """Return the namespace of the pack's configuration. A text that a value contains must not read it, either.

        Raises:
            ValueError: The expression is in a value.
        """
        if self._repetitions:
            raise ValueError("an expression in a value cannot read the configuration: a value may come from outside")
        return self.opened(self.scope.resolve("config"))

    def opened(self, value: Any) -> Any:
        """Return the value, or open a guarded one and note that it was read."""
        return value.open(self.moment) if isinstance(value, Guarded) else value

    def repeat(self, length: int, expressions: int) -> None:
        """Begin a nested evaluation of a text with expressions, or raise `LimitExceeded` if there are too many."""
        self.fuel.burn(REPETITION_UNITS * expressions + COMPILED_UNITS * length)
        self._repetitions += 1
        if self._repetitions > MAX_REPETITIONS:
            raise LimitExceeded(
                f"its value is text with another expression, more than {MAX_REPETITIONS} times in a row; "
                "it seems to refer to itself"
            )

    def repeated(self) -> None:
        """End a nested evaluation."""
        self._repetitions -= 1


def visible(variables: Readable) -> list[str]:
    """Return the sorted names of the visible variables (the order of a branch's map differs between processes)."""
    return sorted(name for name in variables.names() if not name.startswith("__"))
