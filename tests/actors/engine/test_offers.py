"""What an engine offers to the runs of a shared store."""

from stretto.actors.actions import ActionRegistry
from stretto.actors.catalogue import Catalogue
from stretto.actors.engine.offers import offers_of
from stretto.actors.files import FileAccess
from tests.support.recording import probing


def test_an_engine_offers_its_actions_workflows_pools_and_host() -> None:
    """By their names: what is behind a name may differ, as after each change of the code."""
    catalogue = Catalogue(ActionRegistry.registered("refuse"))
    catalogue._enter(probing("offered.workflow"))
    offered = offers_of(catalogue, ["compute"], FileAccess(host="web1"))
    assert {"action core.noop", "action offered.workflow", "pool compute", "host web1"} <= offered
    assert "action other.workflow" not in offered
