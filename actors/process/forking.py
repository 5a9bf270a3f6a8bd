"""The descriptors that a forked child must not keep.

A lock of `flock`, a listening socket and a connection belong to all processes that have the descriptor. A child that an
action forks would therefore keep them after the daemon's end. `subprocess` needs none of this: all descriptors are
close-on-exec.
"""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol


class HasDescriptor(Protocol):
    """An object with a file descriptor, such as a socket."""

    def fileno(self) -> int:
        """Return the descriptor, or a negative number once it is closed."""


_withheld: dict[HasDescriptor, None] = {}
_groups: list[Collection[int]] = []
_callbacks: dict[Callable[[], None], None] = {}
_generation = 0


def withhold(owner: HasDescriptor) -> None:
    """Close the owner's descriptor in every child that this process forks. The owner's own stays open."""
    _withheld[owner] = None


def give_back(owner: HasDescriptor) -> None:
    """Forget a withheld descriptor. Call this before it is closed, because its number may be reused. Idempotent."""
    _withheld.pop(owner, None)


def withhold_all(descriptors: Collection[int]) -> None:
    """Close the descriptors in every child that this process forks: those that are in the collection at that moment."""
    _groups.append(descriptors)


def give_back_all(descriptors: Collection[int]) -> None:
    """Forget a withheld collection. Idempotent."""
    _groups[:] = [each for each in _groups if each is not descriptors]


@contextmanager
def in_children(callback: Callable[[], None]) -> Iterator[None]:
    """Call `callback` in every child that is forked within the block."""
    _callbacks[callback] = None
    try:
        yield
    finally:
        _callbacks.pop(callback, None)


def generation() -> int:
    """Return how many forks lie between the first process and this one. A fork changes it in the child alone."""
    return _generation


def _leave_to_the_parent() -> None:
    global _generation  # noqa: PLW0603 - a process has one generation
    _generation += 1
    for callback in tuple(_callbacks):
        callback()
    _callbacks.clear()
    try:
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        nothing = -1  # no descriptor is left
    for owner in tuple(_withheld):
        with suppress(Exception):
            _replace(owner.fileno(), nothing)
    _withheld.clear()
    for descriptor in [each for group in _groups for each in group]:
        with suppress(Exception):
            _replace(descriptor, nothing)
    _groups.clear()
    if nothing >= 0:
        os.close(nothing)


def _replace(descriptor: int, nothing: int) -> None:
    if descriptor < 0:
        return
    if nothing < 0:
        os.close(descriptor)
    else:
        # The number stays taken, so that the owner's copy in the child cannot close another file by it.
        os.dup2(nothing, descriptor, inheritable=False)


os.register_at_fork(after_in_child=_leave_to_the_parent)
