"""Runs of one task, all there at once, in durable engines: on a file of SQLite's, and on a PostgreSQL server.

Run it alone: `python perf/peer_runs.py [ROUNDS]`. A run is committed before it is accepted, and its result is, too.
"""

import json
import sys
from dataclasses import dataclass, field

from measure import Samples, deviation, ratio
from peer import SCRIPTS, Failed, Peer, call, install
from report import Measured, Table, timing
from stores import POSTGRES, SQLITE, Places, places
from targets import of_ratio

RUNS = 300
SECONDS = 300.0
OURS = {SQLITE: "Stretto, SQLite", POSTGRES: "Stretto, PostgreSQL"}
DBOS = ("dbos>=3", "psycopg[binary]>=3.2")
PEERS = {
    SQLITE: (
        Peer(OURS[SQLITE], "stretto", "stretto_runs", ("echo", "sqlite")),
        Peer("huey, SQLite", "durable", "huey_tasks", (), "huey", ("huey>=3.5",)),
        Peer("DBOS, SQLite", "durable", "dbos_steps", (), "dbos", DBOS),
    ),
    POSTGRES: (
        Peer(OURS[POSTGRES], "stretto", "stretto_runs", ("echo",)),
        Peer(
            "procrastinate, PostgreSQL", "durable", "procrastinate_jobs", (), "procrastinate",
            ("procrastinate>=3.10", "psycopg[binary]>=3.2"),
        ),
        Peer("DBOS, PostgreSQL", "durable", "dbos_steps", (), "dbos", DBOS),
    ),
}  # fmt: skip
"""By the store, ours first."""


@dataclass(slots=True)
class Found:
    """What the rounds have found: versions and seconds a run by the engine, and why one gave up."""

    versions: dict[str, str] = field(default_factory=dict)
    seconds: Samples = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def measure(rounds: int) -> Found:
    """Have all engines perform the runs, in turn, a round after the other; whoever fails is left out from then on."""
    found = Found()
    with places() as made:
        stores = [store for store in PEERS if store == SQLITE or made.server is not None]
        peers = [(store, peer) for store in stores for peer in PEERS[store]]
        for each in range(rounds):
            for store, peer in peers[:: -1 if each % 2 else 1]:
                if peer.name not in found.failures:
                    _one_round(store, peer, made, found)
    for name in found.failures:
        found.seconds.pop(name, None)
    return found


def _one_round(store: str, peer: Peer, made: Places, found: Found) -> None:
    request = {"megabytes": 0, "items": [], "chain_tasks": 0, "runs": 0, "limit": 0, "many": RUNS}
    where = [made.new()[POSTGRES]] if store == POSTGRES else []
    command = [str(peer.python), str(SCRIPTS / f"{peer.script}.py"), json.dumps(request), *peer.arguments, *where]
    try:
        install(peer)
        answer = json.loads(call(command, SECONDS))
    except Failed as failure:
        found.failures[peer.name] = str(failure)
        return
    found.versions[peer.name] = answer["version"]
    found.seconds.setdefault(peer.name, []).append(answer["cases"]["many"])


def table(found: Found) -> Table:
    """Show `measure`."""
    made = Table(
        f"{RUNS} runs of one task at once, durable",
        ["", "version", "a run", "to ours", "its spread"],
        "huey without its consumer, whose threads sleep between two looks. procrastinate keeps no results.",
    )
    for store, peers in PEERS.items():
        for peer in peers:
            values, ours = found.seconds.get(peer.name), found.seconds.get(OURS[store])
            if values is None or ours is None:
                made.add(peer.name, found.failures.get(peer.name, "not measured"), "", "", "")
                continue
            ratios = [value / own for value, own in zip(values, ours, strict=True)]
            version = found.versions[peer.name]
            made.add(
                peer.name, version, timing(values, "ms"), f"{ratio(values, ours):.2f}", f"±{deviation(ratios):.0%}"
            )
    return made


def targets(found: Found) -> dict[str, Measured]:
    """Compare ours with the fastest engine on each store."""
    measured = {}
    for store, (ours, *others) in PEERS.items():
        own = found.seconds.get(ours.name)
        theirs = {each.name: found.seconds[each.name] for each in others if each.name in found.seconds}
        if own is None or not theirs:
            measured[f"peers, runs, {store}"] = Measured(None, "no other engine did it")
            continue
        fastest = min(theirs, key=lambda name: ratio(theirs[name], own))
        measured[f"peers, runs, {store}"] = of_ratio(theirs[fastest], own, fastest)
    return measured


if __name__ == "__main__":
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    print("\n".join(table(found).lines()))
