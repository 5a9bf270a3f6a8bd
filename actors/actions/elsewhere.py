"""Functions that run in another process: where that process finds their code."""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stretto.actors.actions.errors import InvalidAction
from stretto.actors.actions.loading import MODULES_OF_FILES

if TYPE_CHECKING:
    from stretto.definitions.data import FrozenDict
    from stretto.metrics import CallIds


class OwnWorker(Protocol):
    """How an action's calls run in a worker process that does not have Stretto."""

    @property
    def command(self) -> Any:
        """The workers' command."""

    @property
    def timeout(self) -> float | None:
        """How many seconds a call may take, or None."""

    @property
    def max_output(self) -> int:
        """How many bytes of its standard output and standard error are kept."""

    @property
    def keeps_streams(self) -> bool:
        """Whether both are kept for the result. Otherwise they are the item's text."""

    def encode(self, given: "FrozenDict", ids: "CallIds") -> bytes:
        """Return a call as data."""

    def result(self, answer: bytes | bytearray, stdout: str, stderr: str) -> Any:
        """Return the result of a call. Raises `ActionFailed` and `RemoteFailure`."""


_MOVE = "move it to the top level of a module or a FILE.py, and load that with --actions"


class Code(NamedTuple):
    """The code of an action.

    Attributes:
        target: What `load_actions` takes: a module's name, or a file's path.
        digest: The SHA-256 of the file. Another process compares it: the file may have changed.
    """

    target: str
    digest: str


def code_of(ref: str, function: Callable[..., Any]) -> Code:
    """Return where another process finds a function.

    Args:
        ref: The action's ref.
        function: Its function.

    Raises:
        InvalidAction: Another process cannot find it: it is of `__main__`, a lambda, of another function, or async.
    """
    begins = f"action {ref} runs in a process of its own"
    if inspect.iscoroutinefunction(function):
        raise InvalidAction(f"{begins}, which is for plain functions: leave out isolation, or write def without async")
    if function.__module__ == "__main__":
        raise InvalidAction(f"{begins}, which cannot import __main__: {_MOVE}")
    if "<" in function.__qualname__:  # <lambda>, and <locals> of another function
        raise InvalidAction(f"{begins}, which cannot find {function.__qualname__}: {_MOVE}")
    file = function.__globals__.get("__file__")
    try:
        digest = hashlib.sha256(Path(file or "").read_bytes()).hexdigest()
    except OSError as error:
        raise InvalidAction(f"{begins}, but the file of its module cannot be read: {error}") from None
    by_path = function.__module__.startswith(MODULES_OF_FILES)
    return Code(str(file) if by_path else function.__module__, digest)
