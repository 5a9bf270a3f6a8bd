"""A guard that breaks off everything, in place of an evaluation that takes too long."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from stretto.actors.dispatch import Overran

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class BreaksOff:
    """Calls nothing."""

    def call(self, function: Callable[[*Ts], T], /, *_arguments: *Ts) -> T:
        """Raise the error of a call that was broken off after two seconds."""
        raise Overran(2.0, function)
