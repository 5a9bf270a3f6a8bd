"""The interface of compiled expressions in either language."""

from typing import Any, Protocol

from stretto.definitions.expressions.base.plain_values import Path
from stretto.definitions.expressions.orquesta.evaluation import Evaluation


class Program(Protocol):
    """A compiled expression. It is immutable, and runs many times from any thread."""

    @property
    def calls(self) -> frozenset[str]:
        """The names of the functions that it calls."""

    @property
    def path(self) -> Path | None:
        """The path that it reads, or None if it does anything else."""

    def run(self, evaluation: Evaluation) -> Any:
        """Return the value before it is frozen. Errors are of any type."""
