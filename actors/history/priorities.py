"""The priority that a client asks for: of a new run, or of the runs of a list."""

from stretto.definitions.errors import StrettoError, refused_choice
from stretto.definitions.model import PRIORITIES, Priority


class InvalidPriority(StrettoError):
    """There is no such priority."""

    code = "invalid_priority"


def checked_priority(priority: object) -> Priority:
    """Return a priority. Raises `InvalidPriority`."""
    found = next((each for each in PRIORITIES if each == priority), None)
    if found is not None:
        return found
    if isinstance(priority, str):
        raise InvalidPriority(refused_choice("priority", PRIORITIES, priority))
    raise InvalidPriority(f"priority must be one of {', '.join(PRIORITIES)}, got {priority!r:.100}")
