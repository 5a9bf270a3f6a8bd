"""The definitions that rehearsals find: any action may be named in them, known or not."""

from stretto.actors.catalogue import Catalogue
from stretto.definitions.model import CoreActions
from stretto.definitions.validation import KnownAction, KnownActions


class _AnyAction:
    """Tells validation what known actions and workflows take; any other ref takes anything."""

    def __init__(self, known: KnownActions) -> None:
        self._known = known

    def refs(self, core: CoreActions) -> tuple[str, ...]:
        """Return the refs that are known."""
        return tuple(self._known.refs(core))

    def suggestion_for(self, ref: str, core: CoreActions) -> str:
        """Return what is known of a ref."""
        return self._known.suggestion_for(ref, core)

    def parameters_of(self, ref: str, core: CoreActions) -> KnownAction | None:
        """Return what an action takes."""
        return self._known.parameters_of(ref, core) or KnownAction({}, takes_anything=True)


class RehearsedDefinitions(Catalogue):
    """A catalogue for rehearsals: what only the machine knows that will run a definition is not asked for here."""

    def _known(self) -> KnownActions | None:
        known = super()._known()
        return None if known is None else _AnyAction(known)
