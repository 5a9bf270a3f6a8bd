"""`concurrency_key` and `limit`: so many items with a key run at once, in all runs of all engines together."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stretto.actors import action
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

LEASE = 3.0
LIMIT = 3
KEYED = """
parameters: {name: {type: string}, count: {type: integer, default: 12}, limit: {type: integer, default: 3}}
tasks:
  - name: work
    action: keyed.hold
    with_items: "{{ range(parameters.count) }}"
    concurrency: 12
    concurrency_key: "db-{{ parameters.name }}"
    limit: 3
    input: {key: "{{ parameters.name }}"}
"""


class Holders:
    """How many items hold a key, and how many may end."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.reset()

    def reset(self) -> None:
        """Begin with no holder."""
        self.now: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.began = 0
        self._may_end = 0

    def hold(self, key: str) -> None:
        """Hold a key until one more item may end."""
        with self._changed:
            self.began += 1
            self.now[key] = self.now.get(key, 0) + 1
            self.most[key] = max(self.most.get(key, 0), self.now[key])
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._may_end > 0, PATIENCE)
            self._may_end -= 1
            self.now[key] -= 1
            self._changed.notify_all()

    def wait_for(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        with self._changed:
            assert self._changed.wait_for(holds, PATIENCE), (self.now, self.began)

    def let_end(self, count: int) -> None:
        """Let so many items end."""
        with self._changed:
            self._may_end += count
            self._changed.notify_all()


HOLDERS = Holders()


@action("keyed.hold")
def hold(key: str) -> None:
    """Hold a key."""
    HOLDERS.hold(key)


@pytest.fixture(autouse=True)
def holders() -> Iterator[Holders]:
    """Begin with no holder. At the end all may end."""
    HOLDERS.reset()
    yield HOLDERS
    HOLDERS.let_end(1_000)


@pytest.fixture(params=["memory", "file", "postgres", "alone in postgres"])
def keyed_bench(request: pytest.FixtureRequest, start_bench: Callable[..., Bench]) -> Bench:
    """Return an engine with each kind of store, and without one."""
    if request.param == "memory":
        return start_bench(threads=16)
    if request.param == "file":
        return start_bench(threads=16, store=request.getfixturevalue("sqlite_url"))
    lease = {"store_lease": LEASE} if request.param == "postgres" else {}
    return start_bench(threads=16, store=request.getfixturevalue("postgres_url"), store_key=None, **lease)


def waits_of(bench: Bench, run_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bench.proxy.why(run_id).get(timeout=PATIENCE)
    return [each for each in found if each["kind"] == "key"]


def test_as_many_items_run_as_the_limit_allows(keyed_bench: Bench, holders: Holders) -> None:
    """In two runs together. Other keys do not count. `why` names who holds the permits."""
    first = keyed_bench.submit(KEYED, {"name": "a"})
    holders.wait_for(lambda: holders.now.get("a") == LIMIT)
    second = keyed_bench.submit(KEYED, {"name": "a", "count": 2})
    other = keyed_bench.submit(KEYED, {"name": "b", "count": 1})
    holders.wait_for(lambda: holders.now.get("b") == 1)
    (wait,) = waits_of(keyed_bench, second.id)
    figures = keyed_bench.proxy.host.services().get(timeout=PATIENCE).key_limits.figures()
    assert figures == (LIMIT + 1, 12 - LIMIT + 2)
    assert wait == {
        "kind": "key", "count": 2, "key": "db-a",
        "text": f"2 items wait for a permit of 'db-a' (limit 3), held by the run {first.id}",
    }  # fmt: skip
    holders.let_end(1_000)
    assert {outcome_of(each).status for each in (first, second, other)} == {"succeeded"}
    assert holders.most == {"a": LIMIT, "b": 1}
    assert holders.began == 15


def test_a_cancelled_run_returns_its_permits(keyed_bench: Bench, holders: Holders) -> None:
    """Those of items that run when they end, and its requests at once."""
    text = "cancellation_policy: cancel_running\n" + KEYED
    first = keyed_bench.submit(text, {"name": "a"})
    holders.wait_for(lambda: holders.now.get("a") == LIMIT)
    second = keyed_bench.submit(KEYED, {"name": "a", "count": 1})
    keyed_bench.proxy.cancel(first.id).get(timeout=PATIENCE)
    assert outcome_of(first).status == "cancelled"
    holders.wait_for(lambda: holders.began == LIMIT + 1)
    holders.let_end(1_000)
    assert outcome_of(second).status == "succeeded"


def test_an_item_whose_key_is_no_text_fails(keyed_bench: Bench, holders: Holders) -> None:
    """The others run."""
    text = KEYED.replace('"db-{{ parameters.name }}"', "\"{{ 7 if index == 1 else 'k' }}\"")
    outcome = keyed_bench.submit(text.replace("concurrency: 12", "concurrency: 12\n    max_failures: 1"), {"name": "a"})
    holders.let_end(1_000)
    assert outcome_of(outcome).status == "succeeded"
    errors = keyed_bench.run(text, {"name": "a"}).errors
    assert [(each["code"], each["message"]) for each in errors if each["item_index"] == 1] == [
        ("invalid_key", "concurrency_key must be a text of 1 to 200 characters, got int")
    ]
    assert holders.began == 22


def test_a_key_has_no_secret(bench: Bench, holders: Holders) -> None:
    text = KEYED.replace("{type: string}", "{type: string, secret: true}")
    outcome = bench.run(text, {"name": "hunter22222", "count": 1})
    assert "concurrency_key must not have a secret in it" in str(outcome.errors)
    assert holders.began == 0


def test_engines_share_a_limit(start_bench: Callable[..., Bench], postgres_url: str, holders: Holders) -> None:
    """Permits that one returns go to the other one. `why` names the daemon that holds them."""
    first, second = (start_bench(threads=16, store=postgres_url, store_lease=LEASE) for _ in range(2))
    runs = [first.submit(KEYED, {"name": "a"})]
    holders.wait_for(lambda: holders.now.get("a") == LIMIT)
    runs.append(second.submit(KEYED, {"name": "a"}))
    number = first.proxy.daemons().get(timeout=PATIENCE)[0]["daemon"]
    wait = waits_of(second, runs[1].id)
    while not wait or "daemon" not in wait[0]["text"]:
        time.sleep(0.01)
        wait = waits_of(second, runs[1].id)
    assert wait[0]["text"] == f"12 items wait for a permit of 'db-a' (limit 3), held by the daemon {number} (3)"
    holders.let_end(1_000)
    assert [outcome_of(run).status for run in runs] == ["succeeded"] * 2
    assert holders.most == {"a": LIMIT}
    assert holders.began == 24


def test_engines_take_turns_with_one_permit(
    start_bench: Callable[..., Bench], postgres_url: str, holders: Holders
) -> None:
    """The run of the second one ends before that of the first one, which has more to do."""
    first, second = (start_bench(threads=16, store=postgres_url, store_lease=LEASE) for _ in range(2))
    text = KEYED.replace("limit: 3", "limit: 1")
    long = first.submit(text, {"name": "a", "count": 30})
    holders.wait_for(lambda: holders.now.get("a") == 1)
    short = second.submit(text, {"name": "a", "count": 2})
    limits = first.proxy.host.services().get(timeout=PATIENCE).key_limits
    while limits.use("db-a").fair is None:  # it has not heard yet that another engine waits
        time.sleep(0.01)
    while second.proxy.status(short.id).get(timeout=PATIENCE)["status"] == "running":
        holders.wait_for(lambda: holders.now["a"] == 1)
        before = holders.began
        assert before < 28, "it was not its turn"
        holders.let_end(1)
        holders.wait_for(lambda before=before: holders.began > before)  # type: ignore[misc]
    holders.let_end(1_000)
    assert outcome_of(long).status == "succeeded"
    assert holders.most == {"a": 1}
