"""Inline calls: the core's own actions that never wait are called on the caller's thread, in its turn."""

from stretto.actors.actions import Action
from stretto.actors.runners.base import Finished, failure, returned
from stretto.definitions.data import FrozenDict
from stretto.metrics.logging import CallIds, call_ids


def call_inline(action: Action, given: FrozenDict, ids: CallIds) -> Finished:
    """Call an action to its end; what it logs carries whose call it is."""
    token = call_ids.set(ids)
    try:
        return returned(action, action.function(**given))
    except BaseException as error:  # noqa: BLE001 - whatever an action raises is its failure, and ends no thread
        return failure(action, error)
    finally:
        call_ids.reset(token)
