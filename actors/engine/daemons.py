"""The daemons of a store: the engines that share it, for people, and their drain."""

import socket
from collections import Counter
from typing import Any, Final

import pykka

from stretto.actors.dispatch import Deferred, derived
from stretto.actors.engine.giving_up import BeginDrain
from stretto.actors.engine.relay import Relay
from stretto.actors.journal import (
    EngineLink,
    Needs,
    Reader,
    Requester,
    StoredDaemon,
    Unclaimed,
    describe_needs,
    time_as_json,
)
from stretto.actors.runs import Services
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import StrettoError, names_there

ACTIVE: Final = "active"
MOST_LACKED: Final = 20
"""Things that a report of a daemon names which runs need and it lacks."""


class UnknownDaemon(StrettoError):
    """No daemon of the store has this number."""

    code = "unknown_daemon"


class EngineDaemons:
    """Answers about the engines of the store, and drains them."""

    def __init__(self, services: Services, link: EngineLink, engine: pykka.ActorRef[Any], relay: Relay) -> None:
        self._services = services
        self._link = link
        self._engine = engine
        self._relay = relay

    def all(self) -> Deferred:
        """Return all engines. See `Engine.daemons`."""
        return self._services.readers.ask_deferred(self._read)

    def show(self, daemon: int) -> Deferred:
        """Return one engine. See `Engine.daemon`."""
        return self._services.readers.ask_deferred(lambda reader: _find(self._read(reader), daemon))

    def drain(self, daemon: int, by: Requester | None) -> Deferred:
        """Let an engine give all its runs to others. See `Engine.drain_daemon`."""

        def check(reader: Reader) -> None:
            found = self._read(reader)
            state = _find(found, daemon)["state"]
            if state not in {ACTIVE, "draining"}:
                raise IllegalTransition(f"cannot drain the daemon {daemon}: it is {state}")
            if not any(each["state"] == ACTIVE and each["daemon"] != daemon for each in found):
                raise IllegalTransition(
                    f"cannot drain the daemon {daemon}: no other active daemon is there to take its runs; start one"
                )

        return derived(self._services.readers.ask_deferred(check), lambda _checked: self._begin(daemon, by))

    def _begin(self, daemon: int, by: Requester | None) -> Deferred:
        ask = self._relay.to_engine(daemon, "drain_daemon", (daemon,), by)
        if daemon != self._link.engine and ask is not None:
            return ask()
        answer = Deferred()
        self._engine.tell(BeginDrain(answer, by))
        return answer

    def _read(self, reader: Reader) -> list[dict[str, Any]]:
        now, offers = self._services.now(), reader.needs.offers()
        left = reader.needs.unclaimed()
        return [self._report(each, now, _lacks(left, offers.get(each.number))) for each in reader.daemons()]

    def _report(self, daemon: StoredDaemon, now: float, lacks: list[dict[str, Any]]) -> dict[str, Any]:
        left = None if daemon.expires_at is None else round(daemon.expires_at - now, 3)
        return {
            "daemon": daemon.number,
            "name": daemon.name,
            "host": daemon.host or socket.gethostname(),
            "version": daemon.version,
            "started_at": time_as_json(daemon.opened_at),
            "lease_left": left,
            "state": _state_of(daemon, left),
            "runs": daemon.runs,
            "lacks": lacks,
            "here": daemon.number == self._link.engine,
        }


def _lacks(left: list[Unclaimed], offered: Needs | None) -> list[dict[str, Any]]:
    """Return what an engine lacks to claim runs that no engine has: {need, text, runs}, most runs first."""
    if offered is None:
        return []
    counts = Counter[str]()
    for each in left:
        counts.update(dict.fromkeys(each.needs - offered, each.runs))
    return [
        {"need": name, "text": describe_needs([name]), "runs": runs} for name, runs in counts.most_common(MOST_LACKED)
    ]


def _state_of(daemon: StoredDaemon, left: float | None) -> str:
    if daemon.fenced:
        return "fenced"
    if left is not None and left < 0:
        return "overdue"
    return "draining" if daemon.draining else ACTIVE


def _find(found: list[dict[str, Any]], number: int) -> dict[str, Any]:
    for each in found:
        if each["daemon"] == number:
            return each
    raise UnknownDaemon(f"there is no daemon {number}; {names_there([str(each['daemon']) for each in found])}")
