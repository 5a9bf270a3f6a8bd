"""The one way in which actions, packs and definitions are loaded."""

import stretto.actors.actions.core  # noqa: F401 - registers the core actions
from stretto.actors.actions import ActionRegistry, RenderedCommands


def core_actions(rendered_commands: RenderedCommands = "refuse") -> ActionRegistry:
    """Return a registry of the core actions, and of all that Python code has registered or will."""
    return ActionRegistry.registered(rendered_commands)
