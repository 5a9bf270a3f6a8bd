"""Inputs of actions that are completed with keys of the key-value store."""

from stretto.actors.actions import Action, ActionFailed, Fill, InvalidActionInput, KeyRead
from stretto.actors.kv import clear_value, key_place
from stretto.actors.runs.services import Services
from stretto.definitions.context import Mask
from stretto.definitions.data import FrozenDict


def filled(action: Action, fill: Fill, given: FrozenDict, services: Services, mask: Mask) -> FrozenDict:
    """Return a complete input. The values of secret keys become secrets of the run.

    Raises:
        InvalidActionInput: A key is missing, or its value does not fit.
        Overran: The evaluation of a default took too long.
    """
    keys, now = services.keys.snapshot, services.now()

    def read(name: str) -> KeyRead | None:
        found = keys.find(key_place(name), now)
        if found is None:
            return None
        value = clear_value(found)
        if found.secret:
            mask.see((value,))
        return KeyRead(value, found.secret)

    try:
        complete: FrozenDict = services.guard.call(fill, given, read)
    except ActionFailed as error:
        raise InvalidActionInput(action.ref, [str(error)]) from None
    return complete
