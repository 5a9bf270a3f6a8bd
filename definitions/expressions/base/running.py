"""Tells which evaluation each thread is running, so that one that takes too long can be stopped and named.

An evaluation says so itself. To find it in the frames of another thread is not safe before CPython 3.12: a frame that
is being left may be shown, whose memory is used for other things a moment later.
"""

from threading import get_ident as this_thread
from typing import Any, Final

from stretto.definitions.errors import Place

Evaluation = tuple[Any, Any]
"""The template or workflow, and a second object that makes each evaluation an object of its own."""

__all__ = ["RUNNING", "Evaluation", "evaluated_in", "evaluation_of", "this_thread"]

RUNNING: Final[dict[int, Evaluation | None]] = {}
"""The evaluation that a thread is running, by the thread's identifier. None or nothing if it runs none.

Each evaluation has these lines, in which no exception that another thread
raises can come between the `try` and the entry:

    thread = this_thread()
    try:
        RUNNING[thread] = (template, scope)
        ...
    finally:
        RUNNING[thread] = None
"""


def evaluation_of(thread: int) -> Evaluation | None:
    """Return the evaluation that a thread is running, or None.

    If that evaluates others, it is the innermost one, and none once that has ended.

    Args:
        thread: The thread's identifier.
    """
    return RUNNING.get(thread)


def evaluated_in(evaluation: Evaluation) -> tuple[str, Place]:
    """Return what an evaluation evaluates, and where that is written.

    Args:
        evaluation: What `evaluation_of` has returned, of a template.

    Returns:
        The source of the expression, or "" if there are several, and the place.
    """
    template, _ = evaluation
    return getattr(template, "source", ""), template.place
