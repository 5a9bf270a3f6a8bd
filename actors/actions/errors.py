"""What can go wrong with an action: how it is registered, loaded, named, called, and how it fails."""

from collections.abc import Iterable
from typing import Any

from stretto.definitions.errors import StrettoError


class ActionFailed(StrettoError):
    """Raise it in an action to fail with a message and, if there is one, a result that says more."""

    code = "action_failed"

    def __init__(self, message: str, result: Any = None) -> None:
        self.result = result
        super().__init__(message)


class InvalidAction(StrettoError):
    """A function cannot be an action; the message says what stands in the way."""

    code = "invalid_action"


class DuplicateAction(StrettoError):
    """Two functions ask for the same ref; the message names both places."""

    code = "duplicate_action"


class UnknownAction(StrettoError):
    """No action of that ref is registered; the message names the nearest that is."""

    code = "unknown_action"


class InvalidActionInput(StrettoError):
    """An action's input does not fit its parameters; `problems` names each."""

    code = "invalid_action_input"

    def __init__(self, action: str, problems: Iterable[str]) -> None:
        self.action = action
        self.problems = tuple(problems)
        super().__init__(f"invalid input for {action}: {'; '.join(self.problems)}")

    def __reduce__(self) -> tuple[type["InvalidActionInput"], tuple[str, tuple[str, ...]]]:
        return type(self), (self.action, self.problems)


class CannotLoadActions(StrettoError):
    """A module of actions cannot be imported; the message says which, why, and on which line."""

    code = "cannot_load_actions"

    def __init__(self, target: str, reason: str) -> None:
        self.target = target
        self.reason = reason
        super().__init__(f"cannot load actions from {target}: {reason}")

    def __reduce__(self) -> tuple[type["CannotLoadActions"], tuple[str, str]]:
        return type(self), (self.target, self.reason)
