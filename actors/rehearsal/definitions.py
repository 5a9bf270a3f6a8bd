"""The definitions that rehearsals use. Tasks may call any ref: an unknown action accepts any input."""

import copy
from collections.abc import Iterable
from os import PathLike

from stretto.actors.actions import ActionRegistry
from stretto.actors.catalogue import Callables, Catalogue, Library, Rules, load_library
from stretto.actors.rehearsal.runner import ScriptedActions
from stretto.definitions.model import CoreActions
from stretto.definitions.validation import KnownAction


class AnyAction:
    """Describes every ref to validation, except those of workflows with errors."""

    def __init__(self, callables: Callables) -> None:
        self._callables = callables

    def refs(self, core: CoreActions) -> tuple[str, ...]:
        """Return the refs that are known."""
        return self._callables.refs(core)

    def suggestion_for(self, ref: str, core: CoreActions) -> str:
        """Return why a ref cannot be called."""
        return self._callables.suggestion_for(ref, core)

    @property
    def pools(self) -> None:
        """Any pool: a rehearsal runs nothing."""
        return None

    def parameters_of(self, ref: str, core: CoreActions) -> KnownAction | None:
        """Return the inputs of a known action or workflow. Any other action accepts any input."""
        known = self._callables.parameters_of(ref, core)
        if known is not None or self._callables.is_unusable(ref):
            return known
        return KnownAction({}, takes_anything=True)


RULES = Rules(check_calls=AnyAction, runs_actions=False)


def scripted(catalogue: Catalogue) -> Catalogue:
    """Return the same workflows with actions that end as a script says."""
    return catalogue.with_actions(ScriptedActions(catalogue.actions), RULES)


def scripted_catalogue(actions: ActionRegistry) -> Catalogue:
    """Return a catalogue without definitions, whose actions end as a script says."""
    return Catalogue(ScriptedActions(actions), rules=RULES)


def with_schedule(catalogue: Catalogue, ref: str) -> Catalogue:
    """Return the same definitions with one schedule of all."""
    other = copy.copy(catalogue)
    other.triggers = catalogue.triggers.with_schedule(ref)
    return other


def load_scripted(
    definitions: Iterable[str | PathLike[str]], actions: Iterable[str], packs: Iterable[str | PathLike[str]] = ()
) -> Library:
    """Load the definitions, actions and packs of rehearsals. Raises as `load_library` does."""
    return load_library(
        definitions, actions=actions, packs=packs, rules=RULES, wrap=ScriptedActions,
        rendered_commands="allow",  # a rehearsal runs no command
    )  # fmt: skip
