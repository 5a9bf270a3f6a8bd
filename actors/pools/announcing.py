"""Actions as data: a worker announces those it can run, and a daemon checks calls without having their code.

worker: Action --announce--> Announced --the wire--> daemon: --announced_action--> Action (its function never runs)
"""

import hashlib
import inspect
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from stretto.actors.actions import Action, ActionFailed, ActionParameter
from stretto.actors.pools.messages import Announced, Parameter
from stretto.definitions.data import freeze

ORIGIN: Final = "announced by workers"
"""The origin of an action that this process knows by announcement alone."""


ALWAYS_THERE: Final = frozenset({"core.http", "core.local"})
"""The core actions that every worker can run: they come with Stretto."""


def can_leave(action: Action) -> bool:
    """Return whether workers can have an action: it may wait, and does not need what only the daemon has.

    Actions of StackStorm's packs do: their pack's configuration, and the key-value store.
    """
    if action.ref.startswith("core."):
        return action.ref in ALWAYS_THERE
    if action.digest is not None:
        return bool(action.digest())
    return action.runner != "inline" and (not action.origin or isinstance(action, _ElsewhereAction))


def announce(action: Action) -> Announced | None:
    """Return an action as data, or None if it never leaves the daemon or cannot be described."""
    if action.runner == "inline" or action.ref in ALWAYS_THERE or not can_leave(action):
        return None
    parameters = tuple(
        Parameter(each.name, each.type, each.required, _plain(each.default), each.nullable, each.enum, each.description)
        for each in action.parameters
    )
    runner = action.runner
    if runner == "waits":
        return None
    return Announced(
        action.ref, announced_digest(action), runner, parameters, action.takes_anything, action.description,
        tuple(sorted(action.secret)),
    )  # fmt: skip


def announced_action(announced: Announced) -> Action:
    """Return the action that a worker has announced. It checks inputs, and its function only says where it is."""
    parameters = tuple(
        ActionParameter(each.name, each.type, each.required, each.default, each.nullable, each.enum, each.description)
        for each in announced.parameters
    )

    async def is_elsewhere(**_given: Any) -> None:
        raise ActionFailed(f"the action {announced.ref} is on workers only; give the task runs_on: POOL")

    return _ElsewhereAction(
        announced.ref, is_elsewhere, "async", parameters, announced.takes_anything, announced.description,
        origin=f"{ORIGIN} with the digest {announced.digest}", secret=frozenset(announced.secret),
    )  # fmt: skip


class _ElsewhereAction(Action):
    """An action that this process knows by announcement."""

    __slots__ = ()


def announced_digest(action: Action) -> str:
    """Return the digest of an action: that of its code's file or its pack, or the one that was announced."""
    if isinstance(action, _ElsewhereAction):
        return action.origin.rpartition(" ")[2]
    if action.digest is not None:
        return action.digest()
    code = getattr(inspect.unwrap(action.function), "__code__", None)
    return _digest_of(code.co_filename if code is not None else "")


@lru_cache(1_024)
def _digest_of(file: str) -> str:
    """Return the SHA-256 of a file as it is when the first action of it is asked for, or "" if it cannot be read."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""


def _plain(default: Any) -> Any:
    """Return a default that can travel. Only data can."""
    try:
        return freeze(default)
    except ValueError:
        return None
