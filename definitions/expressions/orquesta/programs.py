"""What a compiled expression is, in whichever language it was written."""

from typing import Any, Protocol

from stretto.definitions.expressions.orquesta.evaluation import Evaluation


class Program(Protocol):
    """A compiled expression. It is immutable, and is run many times, from any thread."""

    @property
    def calls(self) -> frozenset[str]:
        """The functions that it calls by name."""

    def run(self, evaluation: Evaluation) -> Any:
        """Return its value, unsettled; raise whatever went wrong."""
