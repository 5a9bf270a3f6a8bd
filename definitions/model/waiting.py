"""The core actions that run no code: their items wait for a message."""

from typing import Final

WAITING_ACTIONS: Final = frozenset({"core.ask", "core.wait_for"})
"""The actions whose items wait for people or for an event."""
