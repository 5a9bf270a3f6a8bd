"""Finds the evaluation that a thread is running, so that one that takes too long can be stopped and named."""

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final, TypeVar

from stretto.definitions.errors import Place

_Function = TypeVar("_Function", bound=Callable[..., Any])

_EVALUATIONS: Final[dict[CodeType, str]] = {}
"""The functions that evaluate a whole template, each with the name of the argument that has it."""


def evaluation(template: str) -> Callable[[_Function], _Function]:
    """Mark a function that evaluates a template within the limits of one evaluation.

    Args:
        template: The name of the function's argument with the template, which has a `place`.

    Returns:
        A decorator that returns the function itself.
    """

    def mark(function: _Function) -> _Function:
        _EVALUATIONS[function.__code__] = template
        return function

    return mark


def evaluation_in(frame: FrameType | None) -> FrameType | None:
    """Return the frame of the outermost evaluation that is in progress.

    Args:
        frame: The innermost frame of a thread.

    Returns:
        The frame of a marked function, or None if the thread evaluates nothing.
    """
    found = None
    while frame is not None:
        if frame.f_code in _EVALUATIONS:
            found = frame
        frame = frame.f_back
    return found


def evaluated_in(frame: FrameType) -> tuple[str, Place]:
    """Return what an evaluation evaluates, and where that is written.

    Args:
        frame: A frame that `evaluation_in` has returned.

    Returns:
        The source of the expression, or "" if there are several, and the place.
    """
    template = frame.f_locals[_EVALUATIONS[frame.f_code]]
    return getattr(template, "source", ""), template.place
