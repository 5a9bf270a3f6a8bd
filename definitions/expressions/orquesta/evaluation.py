"""One evaluation: what an expression reads from, and what it has used up of its bounds."""

from typing import Any

from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions.base.bounds import Fuel
from stretto.definitions.expressions.base.guarding import Guarded
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.namespaces import ABSENT, Completion, Namespace, Readable, Scope

MAX_REPETITIONS = 20
"""Times that a text which an expression gave is evaluated in turn."""
REPETITION_STEPS = 100
"""What evaluating a text in turn costs, whatever is in it: it may have to be compiled."""
_NO_VARIABLES = Namespace("ctx()", {})


class Evaluation:
    """A scope, a moment, and the fuel that all expressions share of which one gave the other."""

    __slots__ = ("_repetitions", "fuel", "moment", "scope")

    def __init__(self, scope: Scope, moment: Moment) -> None:
        self.scope = scope
        self.moment = moment
        self.fuel = Fuel()
        self._repetitions = 0

    def variables(self) -> Readable:
        """Return the visible variables, to be read one by one."""
        namespace: Any = self.opened(self.scope.resolve("workflow"))
        return _NO_VARIABLES if namespace is ABSENT else namespace

    def item(self) -> Any:
        """Return the item at hand, or `ABSENT`."""
        return self.opened(self.scope.resolve("item"))

    def completion(self) -> Completion | None:
        """Return how the task at hand ended, or None where there is none."""
        return self.scope.completion()

    def opened(self, value: Any) -> Any:
        """Return what is guarded, noting that it was read."""
        return value.open(self.moment) if isinstance(value, Guarded) else value

    def repeat(self) -> None:
        """Note that a text which an expression gave is going to be evaluated; `LimitExceeded` if that goes on."""
        self.fuel.burn(REPETITION_STEPS)
        self._repetitions += 1
        if self._repetitions > MAX_REPETITIONS:
            raise LimitExceeded(
                f"its value is a text with an expression, whose value is another, {MAX_REPETITIONS} times over: "
                "it seems to lead to itself"
            )

    def repeated(self) -> None:
        """Note that the evaluation of such a text has ended."""
        self._repetitions -= 1


def visible(variables: Readable) -> list[str]:
    """Return the names that expressions see, by name: a branch's map would yield them anew in each process."""
    return sorted(name for name in variables.names() if not name.startswith("__"))
