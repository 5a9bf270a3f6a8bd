"""The core actions whose items wait for a message, and the name of the inquiries that other tasks wait for."""

from typing import Final

WAITING_ACTIONS: Final = frozenset({"core.ask", "core.wait_for"})
"""The actions whose items wait for people or for an event."""
INQUIRIES: Final = "inquiry"
"""The variable that holds the inquiries for which tasks have waited: {TASK: {id, status, response, ...}}."""
