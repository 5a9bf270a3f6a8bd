"""The offers of an engine to the runs of a shared store: its actions and workflows, its pools, and its host."""

from typing import TYPE_CHECKING

from stretto.actors.files import FileAccess
from stretto.actors.journal import Needs, need

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stretto.actors.catalogue import Catalogue


def offers_of(catalogue: "Catalogue", pools: "Iterable[str]", access: FileAccess) -> Needs:
    """Return all that runs can need and an engine has."""
    refs = {*catalogue.actions.refs("stackstorm"), *catalogue.refs()}
    return frozenset({
        *(need("action", ref) for ref in refs), *(need("pool", name) for name in pools), need("host", access.host),
    })  # fmt: skip
