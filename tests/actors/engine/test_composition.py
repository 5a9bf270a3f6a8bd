"""The engine's parts: each message has one handler, and the host is reached through the proxy."""

import inspect

from stretto.actors.dispatch import unbound_handlers
from stretto.actors.engine import Engine, EngineHost
from stretto.actors.engine.action_keys import RunUsers
from stretto.actors.engine.children import Children
from stretto.actors.engine.elsewhere import RunsElsewhere
from stretto.actors.engine.event_waits import SharedEvents
from stretto.actors.engine.giving_up import GivingUp
from stretto.actors.engine.inquiries import EngineInquiries
from stretto.actors.engine.matches import MatchStarts
from stretto.actors.engine.news import EngineNews
from stretto.actors.engine.queries import Pruning
from stretto.actors.engine.recovery import RunRecovery
from stretto.actors.engine.recovery_queue import RecoveryQueue
from stretto.actors.engine.relay import RelayedRequests
from stretto.actors.engine.release import Release
from stretto.actors.engine.requests import RunRequests
from stretto.actors.engine.reruns import Reruns
from stretto.actors.engine.schedules import EngineSchedules
from stretto.actors.engine.sensors import EngineSensors
from stretto.actors.engine.shutdown import Shutdown
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.engine.watched import WatchedRuns
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE

PARTS = (
    EngineSensors,
    RunSupervision, EngineNews, Children, MatchStarts, EngineSchedules, RunRecovery, RecoveryQueue, Release, Reruns,
    EngineInquiries, Pruning, RunUsers, Shutdown, RunsElsewhere, GivingUp, RelayedRequests,
    SharedEvents, RunRequests, WatchedRuns,
)  # fmt: skip

SUBJECTS = Engine.__bases__


def test_no_message_has_two_handlers() -> None:
    """The engine joins the handlers of its parts in one dict."""
    handled = [message for part in PARTS for message in unbound_handlers(part)]
    assert len(handled) == len(set(handled))


def test_the_engine_dispatches_the_messages_of_all_parts(bench: Bench) -> None:
    """A part that the engine forgets would leave its messages unanswered."""
    engine = bench.proxy.actor_ref._actor_weakref()
    assert set(engine._handlers) == {message for part in PARTS for message in unbound_handlers(part)}


def test_the_host_is_reached_through_the_proxy(bench: Bench) -> None:
    """Its methods run in the engine's turns."""
    assert bench.proxy.host.store_failure().get(timeout=PATIENCE) is None
    assert bench.proxy.host.recovered().get(timeout=PATIENCE) is None


def test_no_method_is_in_two_subjects() -> None:
    """Each class of methods is a file of its own: one that replaces a method of another would go unnoticed."""
    names = [name for subject in SUBJECTS for name in vars(subject) if not name.startswith("_")]
    assert len(names) == len(set(names))


def test_subjects_make_no_attributes() -> None:
    """What an engine consists of is made in one place."""
    assert not [subject for subject in SUBJECTS if "__init__" in vars(subject)]


def test_every_public_method_is_documented() -> None:
    """Users read `help(Engine)`."""
    for owner in (Engine, EngineHost):
        for name, method in inspect.getmembers(owner, inspect.isfunction):
            assert name.startswith("_") or method.__doc__, name
