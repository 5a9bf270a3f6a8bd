"""The engine, its actors, the runners and actions, and the command line: everything that makes a workflow run.

    client --submit--> Engine --BeginRun--> RunSupervisor --RunItem--> ItemActor --Call--> runner
                         ^                    |      ^                        |    <--ActionEnded--'
                         '------ RunEnded ----'      '------- ItemEnded ------'

Public names are loaded when they are first used, so that `stretto --help` starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stretto.actors.actions import ActionFailed, action
    from stretto.actors.engine import Engine
    from stretto.actors.outcome import Outcome, RunHandle
    from stretto.actors.runs import RunProgressed

_MODULES = {
    "ActionFailed": "stretto.actors.actions",
    "Engine": "stretto.actors.engine.engine",
    "Outcome": "stretto.actors.outcome",
    "RunHandle": "stretto.actors.outcome",
    "RunProgressed": "stretto.actors.runs.messages",
    "action": "stretto.actors.actions",
}

__all__ = ["ActionFailed", "Engine", "Outcome", "RunHandle", "RunProgressed", "action"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
