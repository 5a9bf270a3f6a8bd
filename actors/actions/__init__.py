"""What workflows can call: the registry of actions, and the core actions.

module with @action  --load-->  the process's table  <--  core, http, local (for Orquesta's definitions: stackstorm)
                                        |
workflow's ref  --ActionRegistry.get-->  Action  --check(input)-->  a runner (stretto.actors.runners)
"""

from stretto.actors.actions import core, http, local, stackstorm  # noqa: F401 - imported for what they register
from stretto.actors.actions.errors import (
    ActionFailed,
    CannotLoadActions,
    DuplicateAction,
    InvalidAction,
    InvalidActionInput,
    UnknownAction,
)
from stretto.actors.actions.registry import Action, ActionRegistry, RenderedCommands, action
from stretto.actors.actions.schema import ActionParameter

__all__ = [
    "Action",
    "ActionFailed",
    "ActionParameter",
    "ActionRegistry",
    "CannotLoadActions",
    "DuplicateAction",
    "InvalidAction",
    "InvalidActionInput",
    "RenderedCommands",
    "UnknownAction",
    "action",
]
