"""The objects that an engine is composed of, and the one table of their handlers."""

from typing import Any

import pykka

from stretto.actors.dispatch import handlers_of
from stretto.actors.engine.action_keys import RunUsers
from stretto.actors.engine.children import Children
from stretto.actors.engine.daemons import EngineDaemons
from stretto.actors.engine.effective_definitions import EffectiveDefinitions
from stretto.actors.engine.elsewhere import RunsElsewhere
from stretto.actors.engine.event_waits import SharedEvents
from stretto.actors.engine.events import EngineEvents
from stretto.actors.engine.giving_up import GivingUp
from stretto.actors.engine.host import EngineHost
from stretto.actors.engine.inquiries import EngineInquiries
from stretto.actors.engine.inquiry_links import InquiryLinks
from stretto.actors.engine.item_requests import ItemRequests
from stretto.actors.engine.keys import EngineKeys
from stretto.actors.engine.matches import MatchStarts
from stretto.actors.engine.news import EngineNews, RunFollowing
from stretto.actors.engine.pools import EnginePools
from stretto.actors.engine.quarantine import QuarantinedRuns
from stretto.actors.engine.queries import Pruning, StoreQueries
from stretto.actors.engine.recovery import RunRecovery
from stretto.actors.engine.relay import Relay, RelayedRequests
from stretto.actors.engine.release import Release
from stretto.actors.engine.requests import RunRequests
from stretto.actors.engine.reruns import Reruns
from stretto.actors.engine.rule_switches import RuleSwitches
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.schedules import EngineSchedules
from stretto.actors.engine.sensors import EngineSensors
from stretto.actors.engine.shutdown import Shutdown
from stretto.actors.engine.startup import EngineParts
from stretto.actors.engine.submission import Admission, Submissions
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.engine.suspects import Suspects
from stretto.actors.engine.tasks import TaskQueries
from stretto.actors.engine.trigger_counts import EngineTriggers
from stretto.actors.engine.watched import WatchedRuns
from stretto.actors.journal import ReplayTrace
from stretto.actors.runs import RememberedKeys


class EngineCore:
    """Composes an engine. Each object gets those it works with, and none sets an attribute of another.

    Attributes:
        handlers: The handlers of all parts by the message's type.
    """

    def __init__(self, parts: EngineParts, engine: pykka.ActorRef[Any]) -> None:
        services = parts.services
        self.table = table = RunTable()
        self.admission = admission = Admission(services.journal, table, parts.max_runs)
        self.definitions = definitions = EffectiveDefinitions(
            parts.catalogue, parts.pack_configuration, services.actions
        )
        self.news = news = EngineNews(services, table)
        self.runs = runs = RunSupervision(services, engine, definitions, table, news)
        self.quarantine = quarantine = QuarantinedRuns()
        trace = ReplayTrace(None) if parts.journal is None else parts.journal.trace
        self.suspects = suspects = Suspects(services.journal, engine, trace, services.now, services.timers.remind_after)
        self.recovery = recovery = RunRecovery(
            services, engine, definitions, table, runs, admission, quarantine, suspects
        )
        peers = None if parts.journal is None else parts.journal.peers
        relay = Relay(peers)
        self.release = release = Release(services, table, quarantine, suspects, recovery, admission, relay)
        self.children = Children(services, engine, definitions, table, runs, quarantine, release)
        keys = RememberedKeys()
        self.submissions = Submissions(services, engine, definitions, runs, admission, keys)
        self.reruns = Reruns(services, engine, table, runs, admission, keys)
        elsewhere = RunsElsewhere(services, parts.link, engine, table, runs, relay, peers)
        parts.stack.add("followers", elsewhere.close)
        self.requests = RunRequests(services, engine, parts.link, table, quarantine, release, relay, elsewhere)
        self.items = ItemRequests(services, table, relay, elsewhere)
        self.tasks = TaskQueries(services, self.requests)
        self.schedules = schedules = EngineSchedules(services, engine, parts, definitions, runs, relay)
        self.sensors = sensors = EngineSensors(services, parts, definitions, relay)
        self.matches = matches = MatchStarts(
            services, engine, parts.link, definitions, runs, admission, schedules.run_failed
        )
        self.keys = keys_of_engine = EngineKeys(services, parts.link, parts.key_limits, peers)
        switches = RuleSwitches(services, keys_of_engine)
        self.events = EngineEvents(services, definitions, switches)
        triggers = EngineTriggers(services, switches, schedules, sensors)
        self.pools = EnginePools(services)
        self.inquiries = EngineInquiries(services, engine, table, self.requests, relay)
        self.inquiry_links = InquiryLinks(services)
        self.store = StoreQueries(services, table, elsewhere)
        self.pruning = Pruning(services, engine, parts.journal, parts.retention, admission, table)
        giving_up = GivingUp(
            services, engine, parts.link, table, runs, recovery, admission, quarantine, sensors.give_up, peers
        )
        self.daemons = EngineDaemons(services, parts.link, engine, relay)
        self.shutdown = Shutdown(services, engine, table, runs, recovery, admission, giving_up, sensors, parts.stack)
        watched = WatchedRuns(services, engine, table, runs, self.requests, peers)
        following = RunFollowing(table, self.requests, elsewhere, watched)
        self.host = EngineHost(
            services,
            definitions,
            runs,
            recovery,
            self.shutdown,
            news,
            following,
            self.requests,
            self.inquiries,
            self.inquiry_links,
            schedules,
            sensors,
            triggers,
        )
        self.handlers = {
            message: handler
            for part in (
                runs,
                news,
                self.children,
                matches,
                schedules,
                sensors,
                recovery,
                recovery.queue,
                release,
                self.reruns,
                self.inquiries,
                self.pruning,
                self.shutdown,
                RunUsers(table),
                SharedEvents(services, engine, peers),
                elsewhere,
                watched,
                self.requests,
                giving_up,
                RelayedRequests(services, engine, peers, recovery),
            )
            for message, handler in handlers_of(part).items()
        }
