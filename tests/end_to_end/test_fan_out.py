"""A fan-out costs its items, not the context: threads, actors and copies, counted."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import action
from stretto.definitions import thaw
from stretto.definitions.data import frozen
from tests.support.harness import PATIENCE, running_engine, write_workflow

MEGABYTE = 1_000_000
THREADS = 4
WINDOW = 50


class Seen:
    """What the actions of this file were given and noticed; each test starts with an empty one."""

    def __init__(self) -> None:
        self.identities: Counter[tuple[int, ...]] = Counter()
        self.freezes = 0
        self.marks: dict[str, int] = {}
        self.threads: Counter[str] = Counter()
        self.counting = threading.Lock()
        self.performing = 0
        self.window_full = asyncio.Event()
        self.all_threads = threading.Barrier(THREADS)


seen = Seen()


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    seen.__init__()  # type: ignore[misc]  # the actions hold on to this one
    yield
    seen.__init__()  # type: ignore[misc]


@action("fan.early")
def early(size: int) -> dict[str, Any]:
    """Return about `size` bytes that nobody needs, and a little that is needed."""
    return {
        "ballast": [{"number": number, "text": "x" * 80} for number in range(size // 110)],
        "small": {"greeting": "hello", "names": ["a", "b"]},
    }


@action("fan.look")
async def look(whole: dict[str, Any], small: dict[str, Any], names: list[str], item: dict[str, Any]) -> dict[str, int]:
    """Note which objects these are."""
    seen.identities[id(whole), id(small), id(names)] += 1
    return {"number": item["number"]}


@action("fan.mark")
def mark(name: str) -> None:
    """Note how many containers have been frozen so far."""
    seen.marks[name] = seen.freezes


@action("fan.plain")
def plain(number: int) -> int:
    """Note which threads there are. The first calls wait for each other: each has a thread of its own."""
    if number < THREADS:
        seen.all_threads.wait(PATIENCE)
    now = _threads_now()
    with seen.counting:
        seen.threads |= now
    return number


def _threads_now() -> Counter[str]:
    return Counter(each.name.rstrip("0123456789-_") for each in threading.enumerate())


@action("fan.async")
async def performing(number: int) -> dict[str, int]:
    """Return how many items are being performed at once; one thread runs them all, so this needs no lock.

    No item ends before the window has been full once.
    """
    seen.performing += 1
    at_once = seen.performing
    if seen.performing == WINDOW:
        seen.window_full.set()
    await seen.window_full.wait()
    await _others_turn()
    seen.performing -= 1
    return {"number": number, "at_once": at_once}


async def _others_turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@action("fan.change")
def change(how: str, rows: list[Any], record: dict[str, Any]) -> Any:
    """Try to change the input in some way. Return what the input is then, or only that for `thaw`."""
    changes: dict[str, Any] = {
        "set a field": lambda: record.__setitem__("name", "changed"),
        "set a nested field": lambda: record["inner"].__setitem__("deep", "changed"),
        "delete a field": lambda: record.__delitem__("name"),
        "update an object": lambda: record.update(name="changed"),
        "merge into an object": lambda: record.__ior__({"name": "changed"}),
        "clear an object": record.clear,
        "append to a list": lambda: rows.append("changed"),
        "sort a list": lambda: rows.sort(reverse=True),
        "change a list's object": lambda: rows[0].__setitem__("n", "changed"),
        "add to a list": lambda: rows.__iadd__(["changed"]),
    }
    if how == "thaw":
        private = thaw(record)
        private["inner"]["deep"] = "changed"
        return private["inner"]["deep"]
    if how in changes:
        changes[how]()
    return {"rows": rows, "record": record}


FAN_OUT = """
parameters: {{numbers: {{type: array}}}}
tasks:
  - name: fan
    action: {action}
    with_items: "{{{{ parameters.numbers }}}}"
    concurrency: {concurrency}
    input: {{number: "{{{{ item }}}}"}}
output_map: {{numbers: "{{{{ task.fan.result }}}}"}}
"""


@pytest.mark.own_process("it counts the threads of the engine's process")
def test_10000_items_use_the_configured_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fan-out over 10,000 items starts no thread beyond those configured, and its results are in order."""
    started: list[str] = []
    start = threading.Thread.start

    def starting(thread: threading.Thread) -> None:
        started.append(thread.name.rstrip("0123456789-_"))
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starting)
    workflow = write_workflow(tmp_path, "threads", FAN_OUT.format(action="fan.plain", concurrency=200))
    configured = {
        "stretto-action": THREADS,
        "stretto-dispatcher": 2,
        "stretto-metrics": 1,
        "stretto-time-guard": 1,
        "Clock": 1,
    }
    before = _threads_now()
    with running_engine(threads=THREADS, dispatchers=2) as bed:
        outcome = bed.run(workflow, {"numbers": list(range(10_000))})
        assert outcome.output == {"numbers": list(range(10_000))}
        # All threads that were ever started, and the most that any of the 10,000 calls saw.
        assert Counter(started) == configured
        assert {kind: seen.threads[kind] for kind in configured} == configured
        assert seen.threads <= before + Counter(configured)


@pytest.mark.parametrize("dispatchers", [1, 2])
def test_never_more_items_than_the_window(tmp_path: Path, dispatchers: int) -> None:
    """Of 10,000 items, exactly the window's 50 are in progress at a time, with an actor each and no more.

    An item reports in its last turn and its actor is gone at that turn's end. While one dispatcher is in such a turn
    another may start the next item: that is the one actor more for each dispatcher beyond the first.
    """
    workflow = write_workflow(tmp_path, "window", FAN_OUT.format(action="fan.async", concurrency=WINDOW))
    with running_engine(dispatchers=dispatchers) as bed:
        outcome = bed.run(workflow, {"numbers": list(range(10_000))})
        assert outcome.output is not None
        found: Any = outcome.output["numbers"]
        assert [each["number"] for each in found] == list(range(10_000))
        assert max(each["at_once"] for each in found) == WINDOW
        assert WINDOW <= bed.census.peak["ItemActor"] <= WINDOW + dispatchers - 1
        assert bed.census.peak["RunSupervisor"] == 1


SHARING = """
parameters: {size: {type: integer}, items: {type: array}}
tasks:
  - name: early
    action: fan.early
    input: {size: "{{ parameters.size }}"}
    next: [{publish: [{small: "{{ result().small }}"}], do: [before]}]
  - name: before
    action: fan.mark
    input: {name: before}
    next: [{do: [fan]}]
  - name: fan
    action: fan.look
    with_items: "{{ parameters.items }}"
    concurrency: 20
    input:
      whole: "{{ task.early.result }}"
      small: "{{ workflow.small }}"
      names: "{{ task.early.small.names }}"
      item: "{{ item }}"
    next: [{do: [after]}]
  - name: after
    action: fan.mark
    input: {name: after}
output_map: {numbers: "{{ task.fan.result }}"}
"""


@pytest.mark.own_process("objects are shared in one process; a worker gets a copy of a large value, once")
def test_all_items_get_the_very_same_objects(tmp_path: Path) -> None:
    """What 1,000 items get from a context of a megabyte is one object, by identity: nothing is copied for an item."""
    workflow = write_workflow(tmp_path, "sharing", SHARING)
    items = [{"number": number} for number in range(1000)]
    with running_engine() as bed:
        outcome = bed.run(workflow, {"size": MEGABYTE, "items": items})
        assert outcome.output == {"numbers": items}
        assert len(seen.identities) == 1
        assert seen.identities.total() == 1000


@pytest.mark.own_process("it counts the containers that the engine's process freezes")
def test_the_work_of_a_fan_out_does_not_depend_on_the_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many containers are frozen for 1,000 items with a megabyte in the context as with nothing in it."""
    monkeypatch.setattr(frozen, "_fast_freeze", frozen._freeze)  # whose calls can be counted
    for name in ("_freeze_object", "_freeze_list"):
        monkeypatch.setattr(frozen, name, _counting(getattr(frozen, name)))
    workflow = write_workflow(tmp_path, "sharing", SHARING)
    items = [{"number": number} for number in range(1000)]
    frozen_for = {}
    with running_engine() as bed:
        for size in (0, MEGABYTE):
            outcome = bed.run(workflow, {"size": size, "items": items})
            assert outcome.status == "succeeded"
            frozen_for[size] = seen.marks["after"] - seen.marks["before"]
    assert seen.freezes > MEGABYTE // 110, "the counter counts"
    assert frozen_for[MEGABYTE] == frozen_for[0] >= len(items)


def _counting(function: Any) -> Any:
    def counted(*arguments: Any) -> Any:
        seen.freezes += 1
        return function(*arguments)

    return counted


CHANGING = """
parameters: {how: {type: array}, record: {type: object}, rows: {type: array}}
tasks:
  - name: fan
    action: fan.change
    with_items: "{{ parameters.how }}"
    concurrency: 8
    max_failures: 100%
    input: {how: "{{ item }}", record: "{{ parameters.record }}", rows: "{{ parameters.rows }}"}
output_map: {results: "{{ task.fan.result }}", errors: "{{ task.fan.errors }}", record: "{{ parameters.record }}"}
"""
CHANGES = [
    *("set a field", "set a nested field", "delete a field", "update an object", "merge into an object"),
    *("clear an object", "append to a list", "sort a list", "change a list's object", "add to a list"),
]


def test_an_action_cannot_change_what_others_see(tmp_path: Path) -> None:
    """Changing an input fails with an error that names `thaw`, and every other item sees the original."""
    workflow = write_workflow(tmp_path, "changing", CHANGING)
    record = {"name": "original", "inner": {"deep": "original"}}
    rows = [{"n": 1}, {"n": 2}]
    how = [each for change_ in CHANGES for each in ("look", change_, "look")]
    with running_engine() as bed:
        outcome = bed.run(workflow, {"how": how, "record": record, "rows": rows})
    assert outcome.output is not None
    unchanged = {"rows": rows, "record": record}
    assert outcome.output["results"] == [None if each in CHANGES else unchanged for each in how]
    assert [each["item"] for each in outcome.output["errors"]] == CHANGES
    assert all("thaw" in each["error"]["message"] for each in outcome.output["errors"])
    assert outcome.output["record"] == record


def test_thaw_gives_a_private_copy(tmp_path: Path) -> None:
    """`thaw` gives an action a copy of its own to change, and the original stays as it was for all others."""
    workflow = write_workflow(tmp_path, "thawing", CHANGING)
    record = {"name": "original", "inner": {"deep": "original"}}
    with running_engine() as bed:
        outcome = bed.run(workflow, {"how": ["thaw", "look"] * 50, "record": record, "rows": [1]})
    assert outcome.output is not None
    assert outcome.output["results"] == ["changed", {"rows": [1], "record": record}] * 50


TEMPLATE = """
vars: {{x: {{a: 1}}, xs: [1, 2]}}
tasks:
  - name: fan
    action: core.echo
    with_items: [0, 1, 2]
    max_failures: 1
    input: {{message: "{{{{ {expression} if item == 1 else [workflow.x, workflow.xs] }}}}"}}
output_map: {{results: "{{{{ task.fan.result }}}}", x: "{{{{ workflow.x }}}}", xs: "{{{{ workflow.xs }}}}"}}
"""


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("workflow.x.update({'a': 2})", "update"),
        ("workflow.x.pop('a')", "pop"),
        ("workflow.x.setdefault('b', 2)", "setdefault"),
        ("workflow.xs.append(3)", "append"),
        ("workflow.xs.clear()", "clear"),
        ("workflow.xs.sort()", "sort"),
    ],
)
def test_a_template_cannot_change_what_others_see(tmp_path: Path, expression: str, named: str) -> None:
    """An expression that tries to change the context fails its item with an error that names what it tried."""
    workflow = write_workflow(tmp_path, "template", TEMPLATE.format(expression=expression))
    with running_engine() as bed:
        outcome = bed.run(workflow)
    original = [{"a": 1}, [1, 2]]
    assert outcome.status == "succeeded"
    assert outcome.output == {"results": [original, None, original], "x": {"a": 1}, "xs": [1, 2]}
    error = outcome.errors[-1]
    assert error["code"] == "expression_error"
    assert error["item_index"] == 1
    assert expression in error["expression"]
    assert named in error["message"]
