"""Inline calls: core actions that never wait run on the caller's thread, within its turn."""

from stretto.actors.actions import Action
from stretto.actors.runners.base import Finished, failure, returned
from stretto.definitions.data import FrozenDict
from stretto.metrics import CallIds, call_ids


def call_inline(action: Action, given: FrozenDict, ids: CallIds) -> Finished:
    """Run an action to its end on this thread. Its log lines carry the call's ids."""
    token = call_ids.set(ids)
    try:
        return returned(action, action.function(**given))
    except BaseException as error:  # noqa: BLE001 - any exception is the action's failure, and must not end the thread
        return failure(action, error)
    finally:
        call_ids.reset(token)
