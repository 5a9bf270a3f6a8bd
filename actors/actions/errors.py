"""The errors of actions: in registration, loading, look-up, input and execution."""

from collections.abc import Iterable
from typing import Any, Final, Literal

from stretto.definitions.errors import Frame, StrettoError

MAX_RETRY_AFTER_SECONDS: Final = 300.0
"""The longest wait before a retry that a server can ask core.http for, unless the engine has another setting."""


class ActionFailed(StrettoError):
    """An action raises this to fail with a message and an optional result.

    Args:
        message: The reason, for people.
        result: JSON-like data that workflows can read as the failed item's result.
        traceback: The frames of the exception of another process, for people.
        retry_after: The least number of seconds to wait before a retry, or None. Workflows read it as
            `error.retry_after`.
    """

    code = "action_failed"

    def __init__(
        self,
        message: str,
        result: Any = None,
        traceback: tuple[Frame, ...] = (),
        *,
        retry_after: float | None = None,
    ) -> None:
        self.result = result
        self.traceback = traceback
        self.retry_after = retry_after
        super().__init__(message)


class RemoteFailure(Exception):
    """The code of an action has failed in a process that does not have Stretto.

    Args:
        message: The reason, for people.
        kind: "exception" or "not_data", as of an action in this process.
        traceback: The frames of the exception, for people.
    """

    def __init__(self, message: str, kind: Literal["exception", "not_data"], traceback: tuple[Frame, ...] = ()) -> None:
        self.kind = kind
        self.traceback = traceback
        super().__init__(message)


class InvalidAction(StrettoError):
    """A function cannot be registered as an action. The message says why."""

    code = "invalid_action"


class DuplicateAction(StrettoError):
    """Two functions claim the same ref. The message names both places."""

    code = "duplicate_action"


class UnknownAction(StrettoError):
    """No action has the requested ref. The message suggests the nearest ref."""

    code = "unknown_action"


class InvalidActionInput(StrettoError):
    """An action's input does not fit its parameters. `problems` lists each misfit."""

    code = "invalid_action_input"

    def __init__(self, action: str, problems: Iterable[str]) -> None:
        self.action = action
        self.problems = tuple(problems)
        super().__init__(f"invalid input for {action}: {'; '.join(self.problems)}")

    def __reduce__(self) -> tuple[type["InvalidActionInput"], tuple[str, tuple[str, ...]]]:
        return type(self), (self.action, self.problems)


class CannotLoadActions(StrettoError):
    """A module of actions cannot be imported. The message names the module, the reason and the line."""

    code = "cannot_load_actions"

    def __init__(self, target: str, reason: str) -> None:
        self.target = target
        self.reason = reason
        super().__init__(f"cannot load actions from {target}: {reason}")

    def __reduce__(self) -> tuple[type["CannotLoadActions"], tuple[str, str]]:
        return type(self), (self.target, self.reason)
