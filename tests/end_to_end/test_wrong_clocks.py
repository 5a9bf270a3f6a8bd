"""Daemons whose machines' clocks are an hour apart share a PostgreSQL store: all times are those of its server.

A daemon accepts runs and is killed, and the other one continues them. Due times are compared as they are recorded.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from stretto.actors import RemoteEngine, connect
from stretto.actors.journal import Reader
from stretto.actors.journal.opening import open_reader
from stretto.actors.journal.records import KeysRead, SecretsLearned
from stretto.definitions.rules import SCHEDULE_EVENT
from tests.support import wrong_clocks
from tests.support.daemons import Served, starting
from tests.support.databases import administration
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

HOUR = 3600.0
MOST_SHIFT = 1.0
DELAY, RETRY_DELAY, TIMEOUT = 2000, 3000, 5000
LEASE = "30"
"""Longer than a busy machine keeps a daemon from renewing it."""
SOON = 12.0
"""The delays of a run that another daemon continues before they are over."""
PERIOD = 600
"""The seconds between two due times of a schedule, less than the clocks are apart."""
DEFINITIONS = {
    "late": f"""
version: "1.0.0"
ref: clocks.late
timeout: {TIMEOUT}
cancellation_policy: cancel_running
tasks:
  - {{name: delayed, action: core.noop, delay: {DELAY}}}
  - {{name: retried, action: core.fail, input: {{message: no}}, retry: {{count: 1, delay: {RETRY_DELAY}}}}}
""",
    "soon": f"""
version: "1.0.0"
ref: clocks.soon
tasks:
  - {{name: delayed, action: clocks.note, delay: {SOON}}}
  - {{name: retried, action: core.fail, input: {{message: no}}, retry: {{count: 1, delay: {SOON}}},
     next: [{{when: "{{{{ failed() }}}}", do: [handled]}}]}}
  - {{name: handled, action: clocks.note}}
""",
    "limited": f"""
version: "1.0.0"
ref: clocks.limited
timeout: {SOON}
cancellation_policy: cancel_running
tasks: [{{name: sleep, action: core.sleep, input: {{seconds: 10000}}}}]
""",
    "overdue": f"""
version: "1.0.0"
ref: clocks.overdue
deadline: {{seconds: {SOON}, policy: cancel}}
cancellation_policy: cancel_running
tasks: [{{name: sleep, action: core.sleep, input: {{seconds: 10000}}}}]
""",
    "ticked": """
version: "1.0.0"
ref: clocks.ticked
tasks: [{name: tick, action: core.noop}]
""",
    "tick": "schedule: {every: 1, missed: {all: 1000}}\nrun: clocks.ticked\n",
    "seldom": f"schedule: {{every: {PERIOD}}}\nrun: clocks.ticked\n",
}
ACTIONS = """
from stretto.actors import action

@action("clocks.note")
def note() -> None:
    pass
"""


class Daemons:
    """Two daemons of a store.

    Attributes:
        first: The one that accepts runs and is killed.
        accepting: Asks it.
        second: Asks the other one.
    """

    def __init__(self, folder: Path, store: str, wrong: tuple[float, float], stack: ExitStack) -> None:
        self._folder = folder
        self._store = store
        self._stack = stack
        self.first, second = [self._start(f"d{seconds:g}", seconds) for seconds in wrong]
        self.accepting, self.second = self._engine_of(self.first), self._engine_of(second)

    def _start(self, name: str, seconds: float) -> Served:
        folder = self._folder / name
        (folder / "definitions").mkdir(parents=True)
        for ref, definition in DEFINITIONS.items():
            (folder / "definitions" / f"{ref}.yaml").write_text(definition)
        (folder / "clock_actions.py").write_text(ACTIONS)
        program = [sys.executable, "-m", wrong_clocks.__name__, str(seconds)]
        return self._stack.enter_context(
            starting(
                folder, "--store", self._store, "--actions", str(folder / "clock_actions.py"), program=program,
                STRETTO__ENGINE__STORE_LEASE=LEASE, PYTHONPATH=str(ROOT),
            )
        )  # fmt: skip

    def _engine_of(self, daemon: Served) -> RemoteEngine:
        return self._stack.enter_context(connect(daemon.begin().client.url))


def get(future: Any) -> Any:
    return future.get(timeout=PATIENCE)


def server_time(url: str) -> float:
    with administration(url) as connection:
        found = connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())::double precision").scalar()
    assert isinstance(found, float)
    return found


def end_leases(url: str, but: int) -> None:
    """Let the leases of all daemons but one be over now."""
    with administration(url) as connection:
        connection.execute(text("UPDATE engines SET expires_at = 0 WHERE number <> :but"), {"but": but})


def seconds_of(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def waits_of(engine: RemoteEngine, run_id: str) -> dict[str, tuple[float | None, float]]:
    """Return since when and until when a run waits for what, in seconds without fractions."""
    return {
        each["kind"]: (seconds_of(each["since"]) if "since" in each else None, seconds_of(each["until"]))
        for each in get(engine.why(run_id))
        if "until" in each
    }


def times_of(reader: Reader, run_id: str) -> Iterator[float]:
    """Return all recorded times of a run, of which the first is that of its acceptance."""
    run = reader.run(run_id)
    assert run is not None
    assert run.ended_at is not None
    yield from (run.accepted_at, run.ended_at)
    yield from (each.at for each in reader.entries(run_id, 0, 1000) if not isinstance(each, (KeysRead, SecretsLearned)))
    yield from (each.began_at for each in reader.items(run_id).items if each.began_at is not None)


@pytest.mark.parametrize("wrong", [(HOUR, 0.0), (0.0, HOUR), (0.0, -HOUR)], ids=["from fast", "to fast", "to slow"])
def test_no_delay_shifts_between_clocks_an_hour_apart(
    tmp_path: Path, postgres_url: str, wrong: tuple[float, float]
) -> None:
    """Delays, retries, time limits, deadlines and schedules are due when they would have been."""
    with ExitStack() as stack:
        before = server_time(postgres_url) - MOST_SHIFT
        daemons = Daemons(tmp_path, postgres_url, wrong, stack)
        accepting, second = daemons.accepting, daemons.second
        reader = stack.enter_context(closing(open_reader(postgres_url, None)))
        late, *soon = (get(accepting.submit(f"clocks.{name}")).id for name in ("late", "soon", "limited", "overdue"))
        while set(waits := waits_of(accepting, late)) != {"delay", "retry_wait", "deadline"}:
            pass  # the task that fails is about to wait
        waiting = server_time(postgres_url) + MOST_SHIFT
        # A run shows its waits before they are durable. What is recorded later is durable later.
        get(accepting.submit("clocks.ticked"))
        for kind, seconds in (("delay", DELAY), ("retry_wait", RETRY_DELAY)):
            since, until = waits[kind]
            assert since is not None
            assert before <= since <= waiting
            assert abs(until - since - seconds) <= MOST_SHIFT
        assert before + TIMEOUT <= waits["deadline"][1] <= waiting + TIMEOUT

        daemons.first.signal(signal.SIGKILL)
        daemons.first.ended()
        (ours,) = (each["daemon"] for each in get(second.daemons()) if each["here"])
        end_leases(postgres_url, but=ours)
        assert waits_of(second, late) == waits, "the daemon that has claimed the run answers"
        ends = [get(get(second.handle(run_id)).outcome) for run_id in soon]
        assert [each.status for each in ends] == ["succeeded", "failed", "cancelled"]
        after = server_time(postgres_url) + MOST_SHIFT
        for run_id in soon:
            accepted, ended, *others = times_of(reader, run_id)
            assert ended - accepted >= SOON - MOST_SHIFT
            assert all(before <= each <= after for each in (accepted, ended, *others)), (before, others, after)
        (delayed,) = (each for each in reader.items(soon[0]).items if each.task == "delayed")
        assert delayed.began_at is not None
        assert delayed.began_at - next(times_of(reader, soon[0])) >= SOON - MOST_SHIFT

        assert all(before <= seconds_of(each["started_at"]) <= after for each in get(second.daemons()))
        while not (upcoming := get(second.schedule("seldom"))["next"]):
            time.sleep(0.1)  # the daemon is about to look after it
        assert before <= seconds_of(upcoming[0]) <= server_time(postgres_url) + MOST_SHIFT + PERIOD
        events = reader.events.since(SCHEDULE_EVENT, 0.0, most=10_000).events
        # The other schedule may be due meanwhile: each ten minutes.
        ticks = [seconds_of(each.payload["due"]) for each in events if each.payload["schedule"] == "tick"]
        assert ticks == [ticks[0] + number for number in range(len(ticks))], "none is missing, and none came twice"
        assert before <= ticks[0] <= ticks[-1] <= server_time(postgres_url) + MOST_SHIFT
        get(second.cancel(late))
